import FastCGI
import Glibc
import HTTP
import Synchronization
import TestSupport
import Testing

@Suite struct BodyTests {
    /// Records that form a complete request for /forged.
    private static let forgery = FastCGIClient.request(RunningPool.params("DELETE", "/forged"))

    /// libfcgi may have read only a part of the body of a refused request. The rest must not be parsed as a request.
    /// The first read of libfcgi fetches up to 8,192 bytes.
    @Test(arguments: [7_700, 7_900, 8_000, 8_100, 8_191, 16_000, 40_000], [401, 413])
    func unreadBodyIsNotParsedAsARequest(padding: Int, status: Int) throws {
        let targets = Mutex<[String]>([])
        let policy = status == 413 ? BodyPolicy.file(limit: 1_000) : .memory
        let running = try RunningPool(
            threads: 1,
            replying: { request, read in
                if request.method == "POST", status == 401 {
                    // Refused without reading the body.
                    targets.withLock { $0.append(request.target) }
                    return .response(Response(status: .unauthorized))
                }
                do throws(Rejection) {
                    _ = try read(policy)
                    targets.withLock { $0.append(request.target) }
                    return .response(Response(status: .ok))
                } catch {
                    return .response(Response(status: error.status))
                }
            })
        let body = [UInt8](repeating: 0x20, count: padding) + Self.forgery
        let client = try running.client()
        let params = RunningPool.params("POST", "/refused", length: body.count)
        #expect(try client.exchange(params, body: body).status == status)
        #expect(try client.exchange(RunningPool.params("GET", "/next")).status == 200)
        #expect(targets.withLock { $0 } == (status == 413 ? ["/next"] : ["/refused", "/next"]))
    }

    /// If the rest of a body is too long to be discarded, the connection is closed.
    @Test func excessiveBodyEndsTheConnection() throws {
        let running = try RunningPool(
            settings: .gated.with { $0.bodyLimit = 1_000 }, body: .file(limit: 1_000))
        let client = try running.client()
        let body = [UInt8](repeating: 0x20, count: 100_000) + Self.forgery
        try client.send(
            FastCGIClient.request(RunningPool.params("POST", "/", length: body.count), body: body))
        #expect(try client.answer().status == 413)
        #expect(client.isClosed())
        #expect(running.events.all == [.rejected(reason: .bodyTooLarge(limit: 1_000), id: "r1")])
    }

    @Test(arguments: [BodyPolicy.memory, .file(limit: 1_000), .file(limit: BodyPolicy.memoryLimit + 70_000)])
    func bodyWithoutALengthIsReadCompletely(policy: BodyPolicy) throws {
        let running = try RunningPool(settings: .gated.with { $0.bodyLimit = policy.limit }, body: policy)
        let client = try running.client()
        let body = [UInt8](repeating: 0x61, count: policy.limit)
        #expect(try client.exchange(RunningPool.params("PUT", "/"), body: body).body.suffix(policy.limit) == body[...])
        #expect(try client.exchange(RunningPool.params("PUT", "/"), body: []).text == "PUT / ")
        #expect(try client.exchange(RunningPool.params("PUT", "/"), body: body + [0x61]).status == 413)
        #expect(try client.exchange(RunningPool.params("PUT", "/"), body: []).text == "PUT / ")
    }

    @Test(arguments: [(1_000, 400), (400, 1_000), (0, 1)])
    func bodyOfAnotherLengthIsRejected(announced: Int, sent: Int) throws {
        let running = try RunningPool()
        let client = try running.client()
        let params = RunningPool.params("POST", "/", length: announced)
        let answer = try client.exchange(params, body: [UInt8](repeating: 0x61, count: sent))
        #expect(answer.status == 400)
        #expect(answer.text == "bodyIncomplete")
        #expect(try client.exchange(RunningPool.params()).status == 200)
    }

    /// libfcgi reports a peer that stops half-way, or aborts, as the end of the body.
    @Test(arguments: [nil, 2 as UInt8])
    func bodyCutOffIsRejected(record: UInt8?) throws {
        let running = try RunningPool()
        let client = try running.client()
        // Without a content length, only the error of the library reports it.
        try client.send(
            FastCGIClient.begin() + FastCGIClient.params(RunningPool.params("POST"))
                + FastCGIClient.record(type: 5, [UInt8](repeating: 0x61, count: 400)))
        if let record { try client.send(FastCGIClient.record(type: record)) } else { client.finishSending() }
        let answer = try client.answer()
        #expect(answer.status == 400)
        #expect(answer.text == "bodyIncomplete")
        #expect(client.isClosed())
    }

    @Test(arguments: [BodyPolicy.none, .memory, .file(limit: 2_000)], [nil, 1_500])
    func bodyIsReadAccordingToThePolicy(policy: BodyPolicy, announced: Int?) throws {
        let running = try RunningPool(body: policy)
        let client = try running.client()
        let body = [UInt8](repeating: 0x61, count: 1_500)
        let answer = try client.exchange(RunningPool.params("PUT", "/", length: announced), body: body)
        #expect(answer.status == 200)
        #expect(answer.body.count == "PUT / ".utf8.count + (policy == .none ? 0 : 1_500))
        #expect(try client.exchange(RunningPool.params()).status == 200)
    }

    @Test func bodyThatCannotBeStoredIsRejected() throws {
        let running = try RunningPool(
            settings: .gated.with { $0.temporaryFolder = "/nonexistent" }, body: .file(limit: 2_000))
        let client = try running.client()
        let body = [UInt8](repeating: 0x61, count: 1_500)
        #expect(try client.exchange(RunningPool.params("PUT", "/", length: 1_500), body: body).text == "bodyNotStored")
        #expect(running.events.saw(.rejected(reason: .bodyNotStored, id: "r1")))
        #expect(try client.exchange(RunningPool.params()).status == 200)
    }

    @Test func halfClosedClientGetsItsResponse() throws {
        let running = try RunningPool()
        let client = try running.client()
        try client.send(FastCGIClient.request(RunningPool.params()))
        client.finishSending()
        #expect(try client.answer().status == 200)
        #expect(client.isClosed())
    }
}
