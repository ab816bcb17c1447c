import HTTP
import JSON
import TestSupport
import Testing

/// Methods, paths, bodies and their lengths, through nginx and through the FastCGI socket.
@Suite struct EdgeTests {
    let stack: Stack
    let user: TestUser

    init() throws {
        stack = try Stack.shared.get()
        user = try stack.makeUser()
    }

    @Test(arguments: ["FOO_BAR", "FOO", "PATCH", "DELETE", "PROPFIND", "CONNECTED"])
    func otherMethodsAreRejectedWithTheAllowedOnes(method: String) throws {
        let answer = try stack.client.send(method, "/login", headers: [stack.bearer(user.token)])
        expectProblem(answer, 405, "method_not_allowed", method)
        #expect(answer.headers["allow"] == "POST, OPTIONS")
        expectProblem(try stack.client.send(method, "/nowhere"), 404, "not_found", method)
    }

    @Test func nginxRejectsTraceAndMalformedRequests() throws {
        let trace = try stack.client.send("TRACE", "/me")
        expectProblem(trace, 405, "method_not_allowed")
        #expect(trace.headers["allow"] != nil)
        let cases: [(head: String, status: Int)] = [
            ("get /health HTTP/1.1\r\nHost: x", 400), ("GET /health HTTP/1.1", 400),
            ("GET /health HTTP/9.0\r\nHost: x", 505),
            ("GET /a\u{0}b HTTP/1.1\r\nHost: x", 400), ("GET /%00 HTTP/1.1\r\nHost: x", 400),
            ("GET /health HTTP/1.1\r\nHost: x\r\nHost: y", 400), ("GET /health HTTP/1.1\r\nHost : x", 400),
            ("POST /login HTTP/1.1\r\nHost: x\r\nContent-Length: -1", 400),
            ("POST /login HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nContent-Length: 3", 400),
            ("POST /login HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nTransfer-Encoding: chunked", 400),
            ("POST /login HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip", 501),
            ("GET /\(String(repeating: "a", count: 9_000)) HTTP/1.1\r\nHost: x", 414),
            ("GET /health HTTP/1.1\r\nHost: x\r\nCookie: \(String(repeating: "a", count: 9_000))", 431),
        ]
        for (head, status) in cases {
            let bytes = Array((head + "\r\nConnection: close\r\n\r\n").utf8)
            expectProblem(try stack.client.exchange(bytes), status, nil, String(head.prefix(80)))
        }
    }

    /// HTTP/0.9 has no status line and no headers, so it cannot report errors.
    @Test func rejectsHTTP09() throws {
        for path in ["/health", "/login", "/"] {
            #expect {
                try stack.client.exchange(Array("GET \(path)\r\n".utf8))
            } throws: { failure in
                "\(failure)".contains("\"code\":\"bad_request\"")
            }
        }
        let old = try stack.client.exchange(Array("GET /health HTTP/1.0\r\n\r\n".utf8))
        #expect(old["status"] == "ok")
    }

    @Test func rejectsAmbiguousPaths() throws {
        let paths = [
            "/posts%0aX:y", "/posts%0d%0aSet-Cookie:a=b", "/posts%00", "/api%2fdata", "/api/data/..%2f..%2fme",
            "/api/data/%2e%2e",
            "//me", "/me//", "/me/%2f", "/posts/..;/me", "/me;x=1", "/%ff", "/me%ff", "/%zz", "/%", "/./me",
            "/api/../me",
            "/me\\",
            "/api/data/%5c..", "/ME", "/posts/not-an-id", "/posts/00000000-0000-7000-8000-000000000000",
            "/api/data/%C0%AF",
        ]
        for path in paths {
            let answer = try stack.get(path, token: user.token)
            expectProblem(answer, answer.status == 404 ? 404 : 400, nil, path)
            #expect(answer.headers["set-cookie"] == nil)
        }
    }

    @Test func oneSlashAtTheEndOfAPathMeansTheSameRoute() throws {
        #expect(try stack.get("/me/", token: user.token).json == stack.get("/me", token: user.token).json)
        #expect(try stack.get("/health/").status == 200)
        let made = try stack.post("/posts/", ["title": "a", "content": "b"], token: user.token)
        #expect(made.status == 201)
        #expect(try stack.get(try #require(made.headers["location"]) + "/", token: user.token)["title"] == "a")
        let stored = try stack.send("PUT", "/api/data/slash/", ["value": 1], token: user.token)
        #expect(stored["name"] == "slash")
        expectProblem(try stack.get("//", token: user.token), 400, "bad_request")
        #expect(try stack.get("/").headers["content-type"]?.hasPrefix("text/html") == true)
    }

    @Test func acceptsBodiesUpTo1MiB() throws {
        func body(_ count: Int) -> [UInt8] {
            Array(("{\"value\":\"" + String(repeating: "x", count: count - 12) + "\"}").utf8)
        }
        let headers = [stack.bearer(user.token), ("Content-Type", "application/json")]
        let largest = try stack.client.send("PUT", "/api/data/big", headers: headers, body: body(1 << 20))
        #expect(largest.status == 200, "\(largest.text.prefix(200))")
        let tooLarge = try stack.client.send("PUT", "/api/data/big", headers: headers, body: body(1 << 20 + 1))
        expectProblem(tooLarge, 413, "content_too_large")

        // Without nginx, on one connection.
        let client = try FastCGIClient(path: stack.socket)
        let token = ("HTTP_AUTHORIZATION", "Bearer \(user.token)")
        for (count, status) in [(1 << 20, 200), (1 << 20 + 1, 413), (1 << 20 + 70_000, 413)] {
            let body = body(count)
            let client = count < 1 << 20 + 70_000 ? client : try FastCGIClient(path: stack.socket)
            let params = stack.params("PUT", "/api/data/big", length: count, [token])
            #expect(try client.exchange(params, body: body).status == status, "\(count) bytes")
        }
        #expect(try client.exchange(stack.params("GET", "/health")).text == #"{"status":"ok"}"#)
    }

    @Test func storesNothingOfAnIncompleteBody() throws {
        let body = JSON.object(JSONObject([.init(name: "value", value: "cut")])).serialized()
        let token = ("HTTP_AUTHORIZATION", "Bearer \(user.token)")
        for length in [body.count + 1, body.count - 1, 0] {
            let client = try FastCGIClient(path: stack.socket)
            let answer = try client.exchange(stack.params("PUT", "/api/data/cut", length: length, [token]), body: body)
            #expect(answer.status == 400, "Content-Length \(length)")
        }
        #expect(try stack.get("/api/data/cut", token: user.token).status == 404)
    }

    @Test func readsChunkedBodies() throws {
        func chunked(_ method: String, _ path: String, _ chunks: [String]) throws -> HTTPAnswer {
            let head = [
                "\(method) \(path) HTTP/1.1", "Host: localhost", "Connection: close",
                "Authorization: Bearer \(user.token)",
                "Content-Type: application/json", "Transfer-Encoding: chunked", "", "",
            ].joined(separator: "\r\n")
            let body = (chunks + [""]).map { "\(String($0.utf8.count, radix: 16))\r\n\($0)\r\n" }.joined()
            return try stack.client.exchange(Array((head + body).utf8))
        }
        #expect(try chunked("PUT", "/api/data/chunks", [#"{"va"#, #"lue":"#, "[1,2", "]}"])["value"] == [1, 2])
        expectProblem(try chunked("POST", "/posts", []), 400, "invalid_json")
        #expect(try chunked("GET", "/health", []).status == 200)
        let big = String(repeating: "x", count: 200_000)
        expectProblem(try chunked("POST", "/posts", [String](repeating: big, count: 6)), 413)
        #expect(try chunked("POST", "/logout", []).status == 204)
    }

    @Test func acceptsOneIdempotencyKeyOfVisibleCharacters() throws {
        let post: JSON = ["title": "a", "content": "b"]
        let longest = String(repeating: "k", count: 255)
        for key in [longest + "k", "", "two words", "tab\tkey", "é", "\u{1}"] {
            let answer = try stack.post("/posts", post, token: user.token, headers: [("Idempotency-Key", key)])
            expectProblem(answer, 400, nil, key)
        }
        let twice = [("Idempotency-Key", "a"), ("Idempotency-Key", "a")]
        for (path, body) in [("/posts", post), ("/flow-manager", .demoFlow)] {
            expectProblem(try stack.post(path, body, token: user.token, headers: twice), 400, "idempotency_key_invalid")
        }
        for path in ["/login", "/register", "/create_user", "/logout"] {
            let body: JSON =
                path == "/logout" ? [:] : ["email": .string(user.email), "password": .string(user.password)]
            let answer = try stack.post(path, body, token: user.token, headers: [("Idempotency-Key", "a")])
            expectProblem(answer, 400, "idempotency_refused", path)
        }
        #expect(try stack.get("/posts?user_id=\(user.id)", token: user.token)["items"] == [])
        let made = try stack.post("/posts", post, token: user.token, headers: [("Idempotency-Key", longest)])
        #expect(made.status == 201)
    }
}
