import FastCGI
import Glibc
import HTTP
import TestSupport
import Testing

/// Clients that send bodies slowly, behind a web server that passes each byte on as it comes.
@Suite struct SlowBodyTests {
    private static let whole = FastCGIClient.request(
        RunningPool.params("POST", "/", length: 400), body: [UInt8](repeating: 0x61, count: 400))

    /// The length of the part that comes late.
    private static let rest = 100

    @Test func slowBodiesLeaveThreadsToOthers() throws {
        let running = try RunningPool(threads: 4)
        let slow = try (0..<12).map { _ in
            let client = try running.client()
            try client.send(Array(Self.whole.dropLast(Self.rest)))
            return client
        }
        // One thread is not enough for all of them at once, so that some are refused before this one is served.
        #expect(try running.client().exchange(RunningPool.params()).status == 200)
        let other = try running.client()
        try other.send(Self.whole)
        #expect(try other.answer().status == 200)
        for client in slow { try client.send(Array(Self.whole.suffix(Self.rest))) }
        let answers = try slow.map { try $0.answer().text }
        // Three threads may wait, each for one.
        #expect(answers.count { $0.hasPrefix("POST") } >= 3)
        #expect(answers.allSatisfy { $0.hasPrefix("POST") || $0 == "bodyNotAwaited" })
        #expect(running.events.saw(.rejected(reason: .bodyNotAwaited, id: "r1")))
        #expect(try running.client().exchange(RunningPool.params()).status == 200)
    }

    /// The kernel resets a connection that is closed with unread bytes: the client would lose its answer.
    @Test(arguments: [3 << 20, 8 << 20])
    func anAnswerBeforeTheEndOfTheBodyIsNotLost(length: Int) throws {
        let running = try RunningPool()
        let client = try running.client()
        let body = [UInt8](repeating: 0x61, count: length)
        try client.send(FastCGIClient.request(RunningPool.params("POST", "/", length: length), body: body))
        #expect(try client.answer().status == 413)
        #expect(client.isClosed())
        #expect(try running.client().exchange(RunningPool.params()).status == 200)
    }

    @Test func aConnectionDoesNotLingerForever() throws {
        let running = try RunningPool(settings: .gated.with { $0.readDeadline = .milliseconds(400) })
        let client = try running.client()
        let whole = FastCGIClient.request(
            RunningPool.params("POST", "/", length: 3 << 20), body: [UInt8](repeating: 0x61, count: 200_000))
        try client.send(Array(whole.dropLast(8)))
        #expect(throws: FastCGIClient.Failure.self) {
            while true {
                try client.send(FastCGIClient.record(type: 5, [0x61]))
                poll(nil, 0, 10)
            }
        }
    }
}
