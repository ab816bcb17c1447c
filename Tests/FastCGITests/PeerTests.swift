import Dispatch
import FastCGI
import Glibc
import HTTP
import TestSupport
import Testing

@Suite struct PeerTests {
    @Test(arguments: [
        Array("GET / HTTP/1.1\r\nHost: a\r\n\r\n".utf8),
        [1, 1, 0],
        FastCGIClient.record(type: 9, id: 0, [UInt8](repeating: 0, count: 16)),
        FastCGIClient.record(type: 9, id: 1, [UInt8](repeating: 0, count: 16)),
        FastCGIClient.begin(id: 0),
        FastCGIClient.begin(version: 2),
        FastCGIClient.begin(role: 2),
        FastCGIClient.begin(role: 3),
        FastCGIClient.record(type: 1, [0, 1, 1, 0, 0, 0, 0, 0, 0, 0]),
        FastCGIClient.record(type: 5, Array("body without a beginning".utf8)),
        FastCGIClient.begin() + FastCGIClient.record(type: 5, [1]),
        FastCGIClient.begin() + FastCGIClient.record(type: 9, id: 0, [UInt8](repeating: 0, count: 16)),
        FastCGIClient.begin() + FastCGIClient.record(type: 4, [1, 0, 65]) + FastCGIClient.record(type: 9, id: 0),
        FastCGIClient.begin() + FastCGIClient.record(type: 4, id: 2, [1, 0, 65]),
        FastCGIClient.begin() + FastCGIClient.record(type: 4, version: 2, [1]),
        FastCGIClient.begin() + FastCGIClient.record(type: 4, [200]) + FastCGIClient.record(type: 4),
        FastCGIClient.begin() + FastCGIClient.record(type: 4, [9, 9]) + FastCGIClient.record(type: 4),
        FastCGIClient.begin() + FastCGIClient.record(type: 4, [0xC0, 0, 0, 0, 0xC0, 0, 0, 0])
            + FastCGIClient.record(type: 4),
        FastCGIClient.begin() + FastCGIClient.params([("HTTP_X", String(repeating: "x", count: 140_000))]),
    ])
    func peersWithAnInvalidBeginningAreDisconnected(bytes: [UInt8]) throws {
        let running = try RunningPool(threads: 1)
        let other = try running.client()
        #expect(try other.exchange(RunningPool.params()).status == 200)
        let stray = try running.client()
        try stray.send(bytes)
        #expect(stray.isClosed())
        #expect(running.events.saw(.strayPeer))
        #expect(try other.exchange(RunningPool.params()).status == 200)
    }

    @Test(arguments: [
        FastCGIClient.record(type: 1, [0, 1, 1, 0, 0, 0, 0, 0]),
        FastCGIClient.begin() + FastCGIClient.record(type: 4, [1, 0, 65]),
        FastCGIClient.begin() + FastCGIClient.record(type: 4, [1, 0, 65]).dropLast(),
    ])
    func unreadableRequestsCloseTheConnection(bytes: [UInt8]) throws {
        let running = try RunningPool(threads: 1)
        let stray = try running.client()
        try stray.send(bytes)
        stray.finishSending()
        #expect(stray.isClosed())
        #expect(running.events.saw(.requestUnreadable))
        #expect(try running.client().exchange(RunningPool.params()).status == 200)
    }

    /// One thread serves, and none waits for the rest of a request.
    @Test func partsOfRequestsHoldNoThread() throws {
        let running = try RunningPool(threads: 1)
        let whole = FastCGIClient.request(
            RunningPool.params("GET", "/", [("HTTP_X", String(repeating: "x", count: 20_000))]))
        let cuts = [16, 20, 24, 100, 9_000, whole.count - 30]
        let halves = try (0..<40).map { number in
            let client = try running.client()
            try client.send(Array(whole[..<cuts[number % cuts.count]]))
            return client
        }
        for _ in 0..<20 { #expect(try running.client().exchange(RunningPool.params()).status == 200) }
        for (number, client) in halves.enumerated() {
            try client.send(Array(whole[cuts[number % cuts.count]...]))
            #expect(try client.answer().status == 200)
        }
    }

    @Test(arguments: [
        "", "wrong", "only the web server knowS", "only the web server knows ", "Only the web server knows",
        "only the wEb server knows",
    ])
    func wrongGateClosesTheConnectionWithoutAResponse(gate: String) throws {
        let running = try RunningPool { _ in
            Issue.record("a handler ran")
            return .noContent
        }
        let client = try running.client()
        try client.send(FastCGIClient.request(RunningPool.params("GET", "/", [("FLOW_GATE", gate)])))
        #expect(throws: FastCGIClient.Failure.closed) { try client.answer() }
        #expect(running.events.saw(.gateRefused))
    }

    @Test func missingGateClosesTheConnectionWithoutAResponse() throws {
        let running = try RunningPool()
        let client = try running.client()
        try client.send(FastCGIClient.request([("REQUEST_METHOD", "GET"), ("REQUEST_URI", "/")]))
        #expect(throws: FastCGIClient.Failure.closed) { try client.answer() }
        #expect(running.events.saw(.gateRefused))
    }

    @Test func connectionsAreNotKeptWithoutAGate() throws {
        let running = try RunningPool(settings: FastCGISettings())
        let client = try running.client()
        #expect(try client.exchange(RunningPool.params()).status == 200)
        #expect(client.isClosed())
    }

    @Test func connectionIsClosedWhenThePeerRequestsIt() throws {
        let running = try RunningPool()
        let client = try running.client()
        try client.send(FastCGIClient.request(RunningPool.params(), keep: false))
        #expect(try client.answer().status == 200)
        #expect(client.isClosed())
    }

    @Test func onlyAllowedUsersMayConnect() throws {
        let refusing = try RunningPool(settings: .gated.with { $0.allowedPeers = [getuid() + 1] })
        #expect(try refusing.client().isClosed())
        #expect(refusing.events.saw(.peerRefused(user: getuid())))
        let allowing = try RunningPool(settings: .gated.with { $0.allowedPeers = [getuid()] })
        #expect(try allowing.client().exchange(RunningPool.params()).status == 200)
    }

    /// The peer keeps sending bytes, so the timeout of the socket does not apply.
    @Test(arguments: [
        (FastCGIClient.begin() + [1, 4, 0, 1, 0xFF, 0xFF, 0, 0, 0xFF, 0, 0], "", ""),
        (
            FastCGIClient.begin() + FastCGIClient.params(RunningPool.params("POST"))
                + [1, 5, 0, 1, 0xFF, 0xFF, 0, 0], "r1", "192.0.2.7"
        ),
    ])
    func slowPeerIsDisconnectedAtTheDeadline(beginning: [UInt8], id: String, client address: String) throws {
        let running = try RunningPool(threads: 1, settings: .gated.with { $0.readDeadline = .milliseconds(200) })
        let client = try running.client()
        try client.send(beginning)
        var trickled = 0
        while !client.isClosed(within: 20), trickled < 250 {
            try? client.send([UInt8(ascii: "a")])
            trickled += 1
        }
        #expect(trickled < 250)
        #expect(running.events.saw(.deadlinePassed(id: id, client: address)))
        #expect(try running.client().exchange(RunningPool.params()).status == 200)
    }

    @Test func silentPeerIsDisconnected() throws {
        let running = try RunningPool(threads: 1, settings: .gated.with { $0.silenceLimit = .milliseconds(50) })
        let client = try running.client()
        try client.send(FastCGIClient.begin())
        #expect(client.isClosed())
        #expect(running.events.saw(.requestUnreadable))
    }

    /// The deadline limits the reading of a request, not the handler.
    @Test func slowHandlerIsNotInterrupted() throws {
        let release = DispatchSemaphore(value: 0)
        let settings = FastCGISettings.gated.with { $0.readDeadline = .milliseconds(20) }
        let running = try RunningPool(threads: 2, settings: settings) { received in
            if (try? received.get())?.target == "/slow" { release.wait() }
            return RunningPool.echo(received)
        }
        let slow = try running.client()
        try slow.send(FastCGIClient.request(RunningPool.params("GET", "/slow")))
        // The deadline of the other thread, which starts later, passes in the meantime.
        let trickling = try running.client()
        try trickling.send(FastCGIClient.begin())
        #expect(trickling.isClosed())
        release.signal()
        #expect(try slow.answer().status == 200)
    }

    @Test func disconnectedClientIsReported() throws {
        let begun = DispatchSemaphore(value: 0)
        let release = DispatchSemaphore(value: 0)
        let ended = Recording<UInt64>()
        let register = CallRegister(begin: { _ in true }, end: { ended.add($0) })
        let running = try RunningPool(threads: 1, settings: .gated.with { $0.register = register }) { received in
            if (try? received.get())?.target == "/slow" {
                begun.signal()
                release.wait()
            }
            return RunningPool.echo(received)
        }
        var client: FastCGIClient? = try running.client()
        let call = RunningPool.params("POST", "/slow", [("CALL_ID", "00000000000000ff")])
        try client?.send(FastCGIClient.request(call))
        begun.wait()
        client = nil
        release.signal()
        #expect(running.events.saw(.answerLost(id: "r1")))
        #expect(ended.all == [255], "its place among the calls that must not be repeated is free again")
        #expect(try running.client().exchange(RunningPool.params()).status == 200)
    }

    /// Only nginx sends an id; behind others the handler makes one, which the response has.
    @Test func aLostAnswerHasTheIDThatItsResponseHas() throws {
        let settings = FastCGISettings.gated.with { $0.silenceLimit = .milliseconds(50) }
        let running = try RunningPool(threads: 1, settings: settings) { _, _ in
            .response(
                Response(status: .ok, headers: ["X-Request-Id": "own"], body: [UInt8](repeating: 0, count: 4 << 20)))
        }
        let client = try running.client()
        try client.send(FastCGIClient.request(RunningPool.params().filter { $0.0 != "REQUEST_ID" }))
        #expect(running.events.saw(.answerLost(id: "own")))
    }

    /// A peer that reads nothing is disconnected after `silenceLimit`, which frees the thread.
    @Test func slowReaderIsDisconnected() throws {
        let settings = FastCGISettings.gated.with { $0.silenceLimit = .milliseconds(50) }
        let sent = Recording<String>()
        let running = try RunningPool(threads: 1, settings: settings) { request, _ in
            guard request.path == "/big" else { return .response(Response(status: .ok)) }
            var reply = Reply.response(Response(status: .ok, body: [UInt8](repeating: 0, count: 4 << 20)))
            reply.onSent = { sent.add("/big") }
            return reply
        }
        let client = try running.client()
        try client.send(FastCGIClient.request(RunningPool.params("GET", "/big")))
        #expect(running.events.saw(.answerLost(id: "r1")))
        #expect(try running.client().exchange(RunningPool.params()).status == 200)
        #expect(sent.all == ["/big"])
    }
}
