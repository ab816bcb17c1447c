import App
import HTTP
import JSON
import TestSupport
import Testing

/// Pages of allowed origins, and of all other origins.
@Suite struct CORSTests {
    private static let shared = Result {
        try Stack(settings: ["FRONTEND_URL": "https://app.example, http://localhost:3000"])
    }
    private static let origin = ("Origin", "https://app.example")

    let stack: Stack

    init() throws { stack = try Self.shared.get() }

    private func granted(_ answer: HTTPAnswer) -> [String] {
        answer.headers.fields.map { $0.name.lowercased() }.filter { $0.hasPrefix("access-control-") }.sorted()
    }

    @Test(arguments: ["https://app.example", "http://localhost:3000", "HTTPS://App.example:443"])
    func allowedOriginsReadEveryResponse(origin: String) throws {
        let user = try stack.makeUser()
        let headers = [("Origin", origin)]
        let answers = try [
            stack.get("/health", headers: headers), stack.get("/me", token: user.token, headers: headers),
            stack.get("/me", headers: headers), stack.get("/nowhere", headers: headers),
            stack.client.send("DELETE", "/health", headers: headers),
            stack.client.send("HEAD", "/health", headers: headers),
            stack.client.send("OPTIONS", "/me", headers: headers),
            stack.post("/posts", [:], token: user.token, headers: headers),
            stack.get("/%ff", headers: headers),
            stack.client.send("POST", "/login", headers: headers + [("Content-Type", "text/plain")], body: [0x7b]),
        ]
        #expect(answers.map(\.status) == [200, 200, 401, 404, 405, 200, 204, 422, 400, 415])
        for answer in answers {
            #expect(answer.headers["access-control-allow-origin"] == origin, "\(answer.status)")
            #expect(answer.headers["access-control-allow-credentials"] == "true", "\(answer.status)")
            let exposed = answer.headers["access-control-expose-headers"]?.split(separator: ", ") ?? []
            #expect(
                Set(["Location", "ETag", "Retry-After", "X-Request-Id", "Idempotency-Replayed"]).isSubset(
                    of: exposed.map(String.init)))
            #expect(answer.headers["vary"] == "Origin", "\(answer.status)")
            for field in answer.headers.fields { #expect(answer.headers.count(of: field.name) == 1, "\(field.name)") }
        }
    }

    @Test func preflightListsTheMethodsOfTheRoute() throws {
        for path in Set(Routes.all.map(\.path)) {
            let target = path.replacing("{id}", with: "x").replacing("{name}", with: "x")
            let preflight = [
                Self.origin, ("Access-Control-Request-Method", "POST"), ("Access-Control-Request-Headers", "x-evil"),
            ]
            let answer = try stack.client.send("OPTIONS", target, headers: preflight)
            #expect(answer.status == 204, "\(path)")
            #expect(answer.body.isEmpty)
            #expect(answer.headers["access-control-allow-origin"] == "https://app.example")
            #expect(answer.headers["access-control-allow-credentials"] == "true")
            let methods = Routes.all.filter { $0.path == path }.map(\.method.rawValue)
            let allowed = answer.headers["access-control-allow-methods"]
            #expect(allowed == answer.headers["allow"])
            #expect(Set(methods).isSubset(of: Set((allowed ?? "").split(separator: ", ").map(String.init))), "\(path)")
            #expect(
                answer.headers["access-control-allow-headers"]
                    == "Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, Prefer, traceparent, "
                    + "X-CSRF-TOKEN, X-Request-Id")
            #expect(answer.headers["access-control-max-age"] == "600")
            #expect(answer.headers["access-control-expose-headers"] == nil)
            #expect(answer.headers["vary"] == "Origin")
        }
        let nowhere = try stack.client.send(
            "OPTIONS", "/nowhere", headers: [Self.origin, ("Access-Control-Request-Method", "GET")])
        expectProblem(nowhere, 404, "not_found")
    }

    @Test(arguments: [
        "https://evil.example", "null", "", "*", "http://app.example", "https://app.example:80",
        "https://app.example:8443", "http://localhost:80", "https://app.example:", "https://app.example:0443",
        "https://app.example.evil.example", "https://evil-app.example", "https://sub.app.example",
        "https://app.example/",
        "https://app.example@evil.example", "https://app.exampl",
        "https://app.example, http://localhost:3000", "http://localhost", "http://localhost:30000",
    ])
    func otherOriginsReadNothing(origin: String) throws {
        let user = try stack.makeUser()
        let preflight = [("Origin", origin), ("Access-Control-Request-Method", "POST")]
        for method in ["GET", "OPTIONS", "POST", "HEAD"] {
            let answer = try stack.client.send(method, "/me", headers: preflight + [stack.bearer(user.token)])
            #expect(granted(answer) == [], "\(method)")
            #expect(answer.headers["vary"] == "Origin")
            #expect(!answer.headers.fields.contains { !origin.isEmpty && $0.value == origin }, "no reflection")
        }
    }

    /// nginx's answer to each of these errors, from a page of this origin.
    private func errorsOfNginx(_ stack: Stack, origin: String) throws -> [HTTPAnswer] {
        func exchange(_ line: String, _ more: String) throws -> HTTPAnswer {
            try stack.client.exchange(
                Array("\(line) HTTP/1.1\r\nOrigin: \(origin)\r\nConnection: close\r\n\(more)\r\n\r\n".utf8))
        }
        return try [
            exchange("TRACE /me", "Host: x"), exchange("GET /docs/none", "Host: x"),
            exchange("GET /me", "Host: x\r\nHost: y"), exchange("POST /login", "Host: x\r\nTransfer-Encoding: gzip"),
            exchange("POST /login", "Host: x\r\nContent-Length: \(Routes.maximumBodyLength + 1)"),
            exchange("GET /me", "Host: x\r\nCookie: \(String(repeating: "a", count: 9_000))"),
        ]
    }

    @Test func allowedOriginsReadTheErrorsOfNginx() throws {
        let own = try stack.get("/nowhere", headers: [Self.origin]).headers
        for origin in ["https://app.example", "HTTPS://App.Example:443", "http://localhost:3000"] {
            let answers = try errorsOfNginx(stack, origin: origin)
            #expect(answers.map(\.status) == [405, 404, 400, 501, 413, 431])
            for answer in answers {
                #expect(answer.headers["access-control-allow-origin"] == origin, "\(answer.status)")
                for name in ["access-control-allow-credentials", "access-control-expose-headers", "vary"] {
                    #expect(answer.headers[name] == own[name] && answer.headers.count(of: name) == 1, "\(name)")
                }
            }
        }
        for origin in ["https://evil.example", "https://app.example.evil.example", "https://appxexample", "null", ""] {
            for answer in try errorsOfNginx(stack, origin: origin) {
                #expect(granted(answer) == [], "\(origin) \(answer.status)")
                #expect(answer.headers["vary"] == "Origin")
            }
        }
        for answer in try errorsOfNginx(Stack.shared.get(), origin: "https://app.example") {
            #expect(granted(answer) == [] && answer.headers["vary"] == nil)
        }
    }

    @Test func rejectsTwoOrigins() throws {
        #expect(granted(try stack.get("/health", headers: [Self.origin, Self.origin])) == [])
        #expect(granted(try stack.get("/health", headers: [Self.origin, ("Origin", "https://evil.example")])) == [])
        #expect(granted(try stack.get("/health")) == [])
        #expect(try stack.get("/health").headers["vary"] == "Origin")
    }

    /// A page on another host of the same site: browsers send the cookies with its requests.
    @Test func allowedOriginsLogInAndMakeChanges() throws {
        let user = try stack.makeUser()
        let page = [Self.origin, ("Sec-Fetch-Site", "same-site")]
        let account: JSON = ["email": .string(user.email), "password": .string(user.password)]
        let login = try stack.patiently { try stack.post("/login", account, headers: page) }
        #expect(login.status == 200, "\(login.text)")
        let browser = try Browser(stack, user)
        let change = try browser.send("PATCH", "/me", ["name": "Ann"], csrf: browser.csrfToken, page)
        #expect(change["name"] == "Ann")
        expectProblem(try browser.send("PATCH", "/me", ["name": "Eve"], csrf: nil, page), 403, "csrf_failed")
        let foreign = [("Origin", "https://evil.example"), ("Sec-Fetch-Site", "same-site")]
        let refused = try browser.send("PATCH", "/me", ["name": "Eve"], csrf: browser.csrfToken, foreign)
        expectProblem(refused, 403, "origin_refused")
        #expect(granted(refused) == [])
        expectProblem(
            try browser.send(
                "PATCH", "/me", ["name": "Eve"], csrf: browser.csrfToken, [("Sec-Fetch-Site", "same-site")]),
            403, "origin_refused")
        #expect(try browser.send("GET", "/me")["name"] == "Ann")
    }

    @Test func sendsNoCORSHeadersWithoutTheSetting() throws {
        let stack = try Stack.shared.get()
        let answer = try stack.get("/health", headers: [Self.origin])
        #expect(answer.headers["vary"] == nil)
        #expect(granted(answer) == [])
    }
}
