import Dispatch
import FastCGI
import Glibc
import HTTP
import Synchronization
import TestSupport
import Testing

@Suite struct StreamTests {
    private let streams = HandOver<EventStream>()
    /// The statuses of the reported responses.
    private let statuses = Recording<Int?>()

    /// A pool that streams for /stream and answers other requests at once.
    private func pool(settings: FastCGISettings = .gated) throws -> RunningPool {
        try RunningPool(
            threads: 1, settings: settings,
            replying: { [streams, statuses] request, _ in
                guard request.target == "/stream" else { return .response(.text("now")) }
                var reply = Reply.stream(
                    head: Response(status: .ok, headers: ["Content-Type": "text/event-stream"]),
                    fallback: Response(status: .unavailable)
                ) { streams.put($0) }
                reply.onResponse = { statuses.add($0?.status.rawValue) }
                return reply
            })
    }

    private func open(_ client: FastCGIClient, method: String = "GET") throws {
        try client.send(FastCGIClient.request(RunningPool.params(method, "/stream")))
    }

    @Test func eventsAreSentAtOnceAndTheConnectionIsKept() throws {
        let running = try pool()
        defer { withExtendedLifetime(running) {} }
        let client = try running.client()
        try open(client)
        let head = try client.output()
        #expect(head == "Status: 200 OK\r\nContent-Type: text/event-stream\r\nX-Accel-Buffering: no\r\n\r\n")
        let stream = try #require(streams.take())
        for number in 0..<3 {
            #expect(stream.send(Array("data: \(number)\n\n".utf8)))
            #expect(try client.output() == "data: \(number)\n\n")
        }
        // The only thread is free in the meantime.
        #expect(try running.client().exchange(RunningPool.params("GET", "/now")).text == "now")
        stream.end()
        #expect(try client.answer().headers.isEmpty)
        #expect(!stream.send([0x61]))
        #expect(stream.isClosed)
        #expect(try client.exchange(RunningPool.params("GET", "/now")).text == "now")
        #expect(statuses.all == [200])
    }

    @Test func eventsOfSeveralRecordsArriveComplete() throws {
        let running = try pool()
        defer { withExtendedLifetime(running) {} }
        let client = try running.client()
        try open(client)
        let stream = try #require(streams.take())
        let event = (0..<EventStream.maximumEventLength).map { UInt8(truncatingIfNeeded: $0) }
        #expect(stream.send(event))
        stream.end()
        #expect(try client.answer().body == event)
        try open(client)
        let second = try #require(streams.take())
        #expect(!second.send(event + [0x61]))
        #expect(second.isClosed)
        #expect(client.isClosed())
    }

    @Test func slowReaderIsDisconnected() throws {
        let running = try pool()
        defer { withExtendedLifetime(running) {} }
        let client = try running.client()
        try open(client)
        let stream = try #require(streams.take())
        let event = [UInt8](repeating: 0x61, count: 10_000)
        var sent = 0
        while stream.send(event), sent < 10_000 { sent += 1 }
        #expect((1..<10_000).contains(sent))
        #expect(stream.isClosed)
        #expect(running.events.saw(.answerLost(id: "r1")))
        // The events sent before arrive; then the connection is closed without the end of the response.
        #expect(throws: FastCGIClient.Failure.closed) { try client.answer() }
    }

    /// So that a writer of many events can wait until the client has taken them.
    @Test func backlogIsWhatTheClientHasNotTaken() throws {
        let running = try pool()
        defer { withExtendedLifetime(running) {} }
        let client = try running.client()
        try open(client)
        _ = try client.output()
        let stream = try #require(streams.take())
        #expect(stream.backlog == 0)
        let event = [UInt8](repeating: 0x61, count: 20_000)
        #expect(stream.send(event) && stream.backlog >= event.count)
        #expect(try client.output().utf8.count == event.count)
        #expect(stream.backlog == 0)
        stream.end()
        #expect(stream.backlog == 0)
    }

    /// One owner leaves half of the streams to others, and can open the next one as soon as one has ended.
    @Test func oneOwnerGetsHalfOfTheStreams() throws {
        let running = try RunningPool(
            threads: 1, settings: .gated.with { ($0.parkingLimit, $0.streamLimit) = (20, 4) },
            replying: { [streams] request, _ in
                .stream(
                    for: request.target, head: Response(status: .ok), fallback: Response(status: .unavailable)
                ) { streams.put($0) }
            })
        defer { withExtendedLifetime(running) {} }
        var clients: [FastCGIClient] = []
        /// Nil: the call was refused.
        func open(_ owner: String) throws -> EventStream? {
            let client = try running.client()
            clients.append(client)
            try client.send(FastCGIClient.request(RunningPool.params("GET", owner)))
            return try client.output().hasPrefix("Status: 200") ? streams.take() : nil
        }
        let first = try #require(try open("/a"))
        let others = [try open("/a"), try open("/b")]
        #expect(!others.contains { $0 == nil })
        #expect(try open("/a") == nil)
        first.end()
        let last = try open("/a")
        #expect(last != nil)
        for stream in others + [last] { stream?.end() }
    }

    @Test func disconnectingReaderFreesTheSlot() throws {
        let running = try pool(settings: .gated.with { ($0.parkingLimit, $0.streamLimit) = (4, 1) })
        defer { withExtendedLifetime(running) {} }
        for _ in 0..<50 {
            let client = try running.client()
            try open(client)
            let stream = try #require(streams.take())
            client.finishSending()
            #expect(client.isClosed())
            #expect(stream.isClosed)
            #expect(!stream.send([0x61]))
        }
        #expect(running.events.all.count { $0 == .answerLost(id: "r1") } == 50)
    }

    @Test func streamsLeaveSlotsForWaitingCalls() throws {
        let running = try pool(settings: .gated.with { ($0.parkingLimit, $0.streamLimit) = (4, 10) })
        defer { withExtendedLifetime(running) {} }
        let clients = try (0..<3).map { _ in try running.client() }
        // A client that is released disconnects.
        defer { withExtendedLifetime(clients) {} }
        let held = try clients.prefix(2).map { client in
            try open(client)
            return try #require(streams.take())
        }
        try open(clients[2])
        #expect(try clients[2].answer().status == 503)
        #expect(statuses.all == [200, 200, 503])
        held[0].end()
        _ = try clients[0].answer()
        try open(clients[2])
        let third = streams.take()
        #expect(third?.isClosed == false)
        third?.end()
        held[1].end()
    }

    @Test func openStreamsGetComments() throws {
        let running = try pool(settings: .gated.with { $0.commentInterval = .milliseconds(1) })
        defer { withExtendedLifetime(running) {} }
        let client = try running.client()
        try open(client)
        _ = try client.output()
        for _ in 0..<2 { #expect(try client.output() == ":\n\n") }
    }

    @Test func drainEndsStreams() throws {
        let running = try pool()
        defer { withExtendedLifetime(running) {} }
        let client = try running.client()
        try open(client)
        let stream = try #require(streams.take())
        stream.send(Array("data: 1\n\n".utf8))
        running.pool.drain { _ in false }
        #expect(try client.answer().text == "data: 1\n\n")
        #expect(stream.isClosed)
    }

    @Test func headHasNoEvents() throws {
        let running = try pool()
        defer { withExtendedLifetime(running) {} }
        let client = try running.client()
        try open(client, method: "HEAD")
        #expect(try client.answer()["content-type"] == "text/event-stream")
        #expect(try client.exchange(RunningPool.params("GET", "/now")).text == "now")
        #expect(statuses.all == [200])
    }

    @Test func bodiesAreSentInPieces() throws {
        let file = try TemporaryFile(containing: (0..<200_000).map { UInt8(truncatingIfNeeded: $0 / 3) })
        let remaining = Mutex(5)
        let running = try RunningPool(
            threads: 1,
            replying: { request, _ in
                switch request.target {
                case "/file":
                    .response(
                        Response(
                            status: .ok, body: .file(OpenFile(dup(file.descriptor), length: 200_000) { close($0) })))
                case "/short":
                    .response(
                        Response(
                            status: .ok, body: .file(OpenFile(dup(file.descriptor), length: 200_001) { close($0) })))
                default:
                    .response(
                        Response(
                            status: .ok,
                            body: .chunks(length: nil) {
                                remaining.withLock { remaining in
                                    remaining -= 1
                                    return remaining < 0 ? nil : [UInt8](repeating: UInt8(remaining), count: 70_000)
                                }
                            }))
                }
            })
        defer { withExtendedLifetime(running) {} }
        let client = try running.client()
        let complete = try client.exchange(RunningPool.params("GET", "/file"))
        #expect(complete["content-length"] == "200000")
        #expect(complete.body == file.content)
        let produced = try client.exchange(RunningPool.params("GET", "/chunks"))
        #expect(produced["content-length"] == nil)
        #expect(produced.body == [4, 3, 2, 1, 0].flatMap { [UInt8](repeating: $0, count: 70_000) })
        // If a file ends too early, the response is incomplete, and the client must notice.
        #expect(throws: FastCGIClient.Failure.closed) { try client.exchange(RunningPool.params("GET", "/short")) }
        #expect(running.events.saw(.answerLost(id: "r1")))
    }
}

/// Hands values over from a thread of the pool to the test.
private final class HandOver<Value: Sendable>: Sendable {
    private let values = Mutex<[Value]>([])
    private let arrival = DispatchSemaphore(value: 0)

    func put(_ value: Value) {
        values.withLock { $0.append(value) }
        arrival.signal()
    }

    /// Waits for the next value; nil after a timeout.
    func take() -> Value? {
        guard arrival.wait(timeout: .now() + .seconds(10)) == .success else { return nil }
        return values.withLock { $0.removeFirst() }
    }
}

/// A file without a name.
private final class TemporaryFile: Sendable {
    let descriptor: Int32
    let content: [UInt8]

    init(containing bytes: [UInt8]) throws {
        content = bytes
        descriptor = unsafe Glibc.open("/tmp", O_RDWR | __O_TMPFILE, 0o600)
        try #require(descriptor >= 0)
        try #require(unsafe write(descriptor, bytes, bytes.count) == bytes.count)
    }

    deinit {
        close(descriptor)
    }
}
