import FastCGI
import HTTP
import Synchronization
import TestSupport
import Testing

@Suite struct RequestTests {
    /// The request that a handler receives for these parameters.
    private func received(_ params: [(String, String)]) throws -> Request? {
        let seen = Mutex<Request?>(nil)
        let running = try RunningPool { received in
            seen.withLock { $0 = try? received.get().request }
            return RunningPool.echo(received)
        }
        _ = try running.client().exchange(params)
        return seen.withLock { $0 }
    }

    @Test func parametersBecomeARequest() throws {
        let request = try #require(
            try received(
                RunningPool.params(
                    "POST", "/flows?x=%20",
                    [("HTTPS", "on"), ("CONTENT_TYPE", "application/json"), ("HTTP_X_FORWARDED_FOR", "a\tb, ü")])))
        #expect(request.method == "POST")
        #expect(request.target == "/flows?x=%20")
        #expect(request.remoteAddress == "192.0.2.7")
        #expect(request.id == "r1")
        #expect(request.isSecure)
        #expect(request.headers.fields.map(\.name) == ["content-type", "x-forwarded-for"])
        #expect(request.headers["x-forwarded-for"] == "a\tb, ü")
    }

    @Test(
        arguments: [
            ("1764462511.123", 1_764_462_511_123), ("0.000", 0), ("", nil), ("1764462511", nil), ("1764462511.12", nil),
            (".123", nil), ("-1.123", nil), ("1764462511,123", nil), ("1764462511.1x3", nil),
            ("99999999999999999999.123", nil),
        ] as [(String, Int64?)])
    func theTimeInTheQueueBeginsWhenNginxSays(value: String, milliseconds: Int64?) throws {
        let request = try #require(try received(RunningPool.params("GET", "/", [("QUEUE_START", value)])))
        #expect(request.queuedAt == milliseconds && !request.isMalformed)
    }

    @Test func repeatedHeadersAreKept() throws {
        let request = try #require(
            try received(
                RunningPool.params("GET", "/", [("HTTP_IDEMPOTENCY_KEY", "1"), ("HTTP_IDEMPOTENCY_KEY", "2")])))
        #expect(request.headers.fields.map(\.value) == ["1", "2"])
        #expect(request.headers.count(of: "idempotency-key") == 2)
    }

    @Test(arguments: [
        ([("HTTP_PROXY", "http://evil")], []),
        ([("HTTP_CONTENT_LENGTH", "9"), ("HTTP_CONTENT_TYPE", "a/b"), ("CONTENT_TYPE", "")], []),
        ([("REDIRECT_HTTP_AUTHORIZATION", "Bearer a")], ["authorization: Bearer a"]),
        ([("HTTP_AUTHORIZATION", ""), ("REDIRECT_HTTP_AUTHORIZATION", "Bearer a")], ["authorization: Bearer a"]),
        (
            [("REDIRECT_HTTP_AUTHORIZATION", "Bearer a"), ("HTTP_AUTHORIZATION", "Bearer b")],
            ["authorization: Bearer b"]
        ),
        ([("HTTP_COOKIE", "a=b=c; d=")], ["cookie: a=b=c; d="]),
    ])
    func headersFollowTheRulesOfCGI(params: [(String, String)], fields: [String]) throws {
        let request = try #require(try received(RunningPool.params("GET", "/", params)))
        #expect(request.headers.fields.map { "\($0.name): \($0.value)" } == fields)
        #expect(!request.isSecure)
    }

    @Test(arguments: [
        ("nginx/1.22.1", WebServer.nginx), ("Apache/2.4.71 (Debian)", .apache), ("lighttpd/1.4.69", .lighttpd),
        ("Caddy/v2.6.2", .caddy), ("x", nil), ("", nil),
    ])
    func theWebServerIsRecognized(software: String, server: WebServer?) throws {
        let request = try #require(try received(RunningPool.params("GET", "/", [("SERVER_SOFTWARE", software)])))
        #expect(request.webServer == server && request.hasPassedGate)
    }

    /// Values are scanned eight bytes at a time.
    @Test(arguments: [("\u{1F}", 400), ("\u{7F}", 400), ("\t", 200), ("é", 200), (" ", 200), ("~", 200)])
    func invalidCharactersAreFoundAtEveryPosition(character: String, status: Int) throws {
        let running = try RunningPool()
        let client = try running.client()
        defer { withExtendedLifetime(running) {} }
        for length in 0..<18 {
            for position in 0...length {
                let value =
                    String(repeating: "a", count: position) + character
                    + String(repeating: "b", count: length - position)
                #expect(try client.exchange(RunningPool.params("GET", "/", [("HTTP_X_A", value)])).status == status)
            }
        }
    }

    @Test(arguments: [
        [("HTTP_X_A", "a\u{1}b")], [("HTTP_X_A", "a\nb")], [("HTTP_X A", "a")], [("REQUEST_URI", "/\u{7F}")],
        [("CONTENT_LENGTH", "-2")], [("CONTENT_LENGTH", "1e3")], [("CONTENT_LENGTH", "99999999999999999999")],
    ])
    func malformedParametersAreRejected(params: [(String, String)]) throws {
        let running = try RunningPool()
        let client = try running.client()
        let answer = try client.exchange(RunningPool.params("GET", "/", params))
        #expect(answer.status == 400)
        #expect(answer.text == "malformed")
        #expect(running.events.saw(.rejected(reason: .malformed, id: "r1")))
        #expect(try client.exchange(RunningPool.params()).status == 200)
    }

    /// The answer to a request with one more parameter, which has the value "a", these bytes, and "b".
    private func answer(_ running: RunningPool, _ name: String, _ bytes: [UInt8]) throws -> FastCGIClient.Answer {
        let value = [UInt8(ascii: "a")] + bytes + [UInt8(ascii: "b")]
        let parameter = FastCGIClient.record(
            type: 4, [UInt8(name.utf8.count), UInt8(value.count)] + Array(name.utf8) + value)
        let client = try running.client()
        try client.send(
            FastCGIClient.begin() + parameter + FastCGIClient.params(RunningPool.params()) + FastCGIClient.body([]))
        return try client.answer()
    }

    /// Bytes that are not UTF-8: Latin-1, a surrogate, an overlong slash, a sequence that is cut off.
    private static let invalid: [[UInt8]] = [[0xE9], [0xFF], [0xED, 0xA0, 0x80], [0xC0, 0xAF], [0xF0, 0x9F]]

    @Test(arguments: [
        ("HTTP_REFERER", "referer"), ("HTTP_COOKIE", "cookie"), ("CONTENT_TYPE", "content-type"),
        ("REDIRECT_HTTP_AUTHORIZATION", "authorization"),
    ])
    func headersMayHoldAnyBytesButControls(parameter: String, name: String) throws {
        let seen = Recording<String?>()
        let running = try RunningPool { received in
            seen.add(try? received.get().request.headers[name])
            return RunningPool.echo(received)
        }
        for bytes in Self.invalid {
            #expect(try answer(running, parameter, bytes).status == 200)
            let value = try #require(seen.all.last ?? nil)
            #expect(value.hasPrefix("a\u{FFFD}") && value.hasSuffix("\u{FFFD}b"))
            #expect(try answer(running, parameter, bytes + [0x0A]).status == 400)
        }
    }

    @Test(arguments: ["REQUEST_URI", "REQUEST_METHOD", "REMOTE_ADDR", "HTTP_\u{E9}"])
    func otherParametersMustBeUTF8(name: String) throws {
        let running = try RunningPool()
        for bytes in Self.invalid { #expect(try answer(running, name, bytes).status == 400) }
    }

    /// Responses are complete, and a header with a line break is refused without closing the connection.
    @Test func responsesAreComplete() throws {
        let big = [UInt8](repeating: 0x61, count: 300_000)
        let running = try RunningPool { received in
            switch (try? received.get())?.target {
            case "/big": Response(status: .created, headers: ["Location": "/x", "X-A": "1"], body: big)
            case "/empty": .noContent
            default: Response(status: .ok, headers: ["Location": "/x\r\nX-Evil: 1"], body: big)
            }
        }
        let client = try running.client()
        let complete = try client.exchange(RunningPool.params("GET", "/big"))
        #expect(complete.status == 201)
        #expect(complete.body == big)
        #expect(complete.headers.map(\.name) == ["status", "location", "x-a", "content-length"])

        let head = try client.exchange(RunningPool.params("HEAD", "/big"))
        #expect(head.body.isEmpty)
        #expect(head["content-length"] == "300000")

        let empty = try client.exchange(RunningPool.params("DELETE", "/empty"))
        #expect(empty.status == 204)
        #expect(empty["content-length"] == nil)

        let refused = try client.exchange(RunningPool.params("GET", "/evil"))
        #expect(refused.status == 500)
        #expect(refused.headers.map(\.name) == ["status", "content-length"])
        #expect(running.events.saw(.answerRefused(id: "r1")))
    }
}
