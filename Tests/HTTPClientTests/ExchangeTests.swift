import HTTP
import HTTPClient
import class TestSupport.LoopbackServer
import class TestSupport.LoopbackListener
import Testing

/// A client that may reach the loopback servers of these tests.
func client(_ change: (inout HTTPClientSettings) -> Void = { _ in }) -> HTTPClient {
    var settings = HTTPClientSettings.ofTests
    change(&settings)
    return HTTPClient(settings)
}

extension HTTPClientSettings {
    /// Allows the address of the servers of tests.
    static var ofTests: HTTPClientSettings {
        var settings = HTTPClientSettings()
        settings.allowedAddresses = ["127.0.0.1"].compactMap(AddressRange.init(parsing:))
        return settings
    }
}

@Suite(.timeLimit(.minutes(1))) struct ExchangeTests {
    @Test func sendsAGetRequestAndReadsItsResponse() throws {
        let server = try LoopbackServer { _ in
            .bytes("HTTP/1.1 404 No\r\nA: 1\r\nB:  two \r\na: 3\r\nContent-Length: 5\r\n\r\nhello")
        }
        let response = try client().send(
            OutgoingRequest(
                .get, server.url + "/a%20b?c=d#e", headers: ["X-One": "1", "X-None": "", "Accept": "text/html"]))
        #expect(response.status == .notFound)
        #expect(response.headers.fields.map(\.name) == ["A", "B", "a", "Content-Length"])
        #expect(response.headers.fields.map(\.value) == ["1", "two", "3", "5"])
        #expect(response.body == Array("hello".utf8))
        let request = try #require(server.requests.first)
        #expect(request.method == "GET")
        #expect(request.target == "/a%20b?c=d")
        #expect(
            request.fields == [
                "host": "127.0.0.1:\(server.port)", "accept": "text/html", "x-one": "1", "x-none": "",
            ])
    }

    /// The body is sent unchanged, without a content type unless the caller sets one.
    @Test(arguments: [Method.post, .put, .patch, .delete, .options, .get])
    func sendsBodies(method: Method) throws {
        let server = try LoopbackServer { _ in .ok() }
        for body in ["", "x", String(repeating: "0123456789", count: 200_000)] {
            _ = try client().send(OutgoingRequest(method, server.url, body: Array(body.utf8)))
            let request = try #require(server.requests.last)
            #expect(request.method == method.rawValue)
            #expect(request.body == body)
            #expect(request.fields["content-type"] == nil)
            #expect(request.fields["expect"] == nil)
            let hasLength = !body.isEmpty || [.post, .put, .patch].contains(method)
            #expect(request.fields["content-length"] == (hasLength ? "\(body.utf8.count)" : nil))
        }
    }

    @Test func responsesToHeadHaveNoBody() throws {
        let server = try LoopbackServer { _ in .bytes("HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n") }
        let response = try client().send(OutgoingRequest(.head, server.url, body: [1, 2]))
        #expect(response.headers["content-length"] == "99999999999")
        #expect(response.body == [])
        #expect(server.requests.first?.method == "HEAD")
    }

    @Test func ignoresInterimResponsesAndTrailers() throws {
        let server = try LoopbackServer { _ in
            .bytes(
                "HTTP/1.1 103 Early\r\nLink: no\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nA: b\r\n\r\n"
                    + "2\r\nab\r\n0\r\nTrailer: no\r\n\r\n")
        }
        let response = try client().send(OutgoingRequest(.get, server.url))
        #expect(response.status == .ok)
        #expect(response.headers.fields.map(\.name) == ["Transfer-Encoding", "A"])
        #expect(response.body == Array("ab".utf8))
    }

    /// The caller decodes content codings, because it knows the limit of the decoded size.
    @Test func doesNotDecodeContentCodings() throws {
        let server = try LoopbackServer { _ in .ok("not gzip at all", fields: "Content-Encoding: gzip\r\n") }
        #expect(try client().send(OutgoingRequest(.get, server.url)).body == Array("not gzip at all".utf8))
        #expect(server.requests.first?.fields["accept-encoding"] == nil)
    }

    @Test func storesNoCookies() throws {
        let server = try LoopbackServer { _ in .ok(fields: "Set-Cookie: a=b\r\n") }
        let client = client()
        for _ in 1...2 { _ = try client.send(OutgoingRequest(.get, server.url)) }
        #expect(server.requests.compactMap { $0.fields["cookie"] } == [])
    }

    @Test func reusesConnections() throws {
        let server = try LoopbackServer { _ in .ok("x") }
        let client = client()
        for _ in 1...5 { _ = try client.send(OutgoingRequest(.get, server.url)) }
        _ = try client.send(OutgoingRequest(.post, server.url, headers: ["Idempotency-Key": "1"]))
        #expect(server.connections == 1)
    }

    /// libcurl repeats a request when a reused connection ends without a response. Requests that may have had an effect
    /// must not be repeated.
    @Test(arguments: [("X-Other", 1), ("Idempotency-Key", 2)])
    func repeatsOnlyIdempotentRequests(header: String, times: Int) throws {
        let server = try LoopbackServer { $0.target == "/post" ? .last("") : .ok() }
        let client = client()
        _ = try client.send(OutgoingRequest(.get, server.url))
        #expect(throws: HTTPClientError.interrupted) {
            try client.send(OutgoingRequest(.post, server.url + "/post", headers: [header: "1"]))
        }
        #expect(server.requests.count { $0.target == "/post" } == times)
    }

    @Test(arguments: [
        ("X Y", "1"), ("X:", "1"), ("", "1"), ("X\r\nY", "1"), ("\u{e4}", "1"), ("X\0", "1"), ("X", "a\r\nb"),
        ("X", "a\nb"),
        ("X", "a\rb"), ("X", "a\0b"), ("X", "\u{7f}"), ("X", "\u{1}"), ("Host", "a"), ("content-length", "1"),
        ("Transfer-Encoding", "chunked"), ("Connection", "close"), ("Expect", "100-continue"), ("Upgrade", "h2c"),
    ])
    func refusesInvalidHeaders(name: String, value: String) throws {
        let listener = try LoopbackListener()
        var headers = Headers()
        headers.append(name: name, value: value)
        #expect(throws: HTTPClientError.invalidHeader) {
            try client().send(OutgoingRequest(.get, "http://127.0.0.1:\(listener.port)", headers: headers))
        }
        #expect(!listener.hasVisitor)
    }

    @Test func aRefusedConnectionIsUnreachable() throws {
        let port = try LoopbackListener().port
        #expect(throws: HTTPClientError.unreachable) {
            try client().send(OutgoingRequest(.get, "http://127.0.0.1:\(port)/"))
        }
    }

    @Test(arguments: ["", "SSH-2.0-x\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort"])
    func anIncompleteResponseIsInterrupted(text: String) throws {
        let server = try LoopbackServer { _ in .last(text) }
        #expect(throws: HTTPClientError.interrupted) { try client().send(OutgoingRequest(.get, server.url)) }
    }
}
