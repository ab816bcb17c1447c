import Glibc
import HTTP
import JSON
import TestSupport
import Testing

/// What all responses have in common, whether the application or nginx sends them.
@Suite struct AnswersTests {
    let stack: Stack

    init() throws { stack = try Stack.shared.get() }

    @Test func everyErrorIsAProblem() throws {
        let user = try stack.makeUser()
        let post: JSON = ["title": "a", "content": "b"]
        let location = try #require(try stack.post("/posts", post, token: user.token).headers["location"])
        let stranger = try stack.makeUser()
        let other = try stack.post("/flow-manager", ["flow": [:]], token: user.token)
        expectProblem(other, 422, "validation_failed")
        expectProblem(try stack.get("/posts?limit=x", token: user.token), 400, "bad_request")
        expectProblem(try stack.get("/me"), 401, "token_missing")
        expectProblem(try stack.send("DELETE", location, token: stranger.token), 403, "forbidden")
        expectProblem(try stack.get("/nowhere"), 404, "not_found")
        expectProblem(try stack.post("/me", [:]), 405, "method_not_allowed")
        let again: JSON = ["email": .string(user.email), "password": "long enough"]
        expectProblem(try stack.patiently { try stack.post("/register", again) }, 409, "already_registered")
        let stale = try stack.send(
            "PATCH", location, ["title": "c"], token: user.token, headers: [("If-Match", "\"9\"")])
        expectProblem(stale, 412, "version_mismatch")
        expectProblem(try stack.client.send("POST", "/login", body: Array("{}".utf8)), 415, "unsupported_media_type")
        expectProblem(try stack.post("/posts", ["title": 1], token: user.token), 422, "validation_failed")

        for number in 1...10 {
            #expect(
                try stack.post("/generate_array", ["sentence": "a"], token: user.token).status == 200, "call \(number)")
        }
        let limited = try stack.post("/generate_array", ["sentence": "a"], token: user.token)
        expectProblem(limited, 429, "rate_limited")
        for name in ["retry-after", "ratelimit", "ratelimit-policy"] {
            #expect(limited.headers[name] != nil, "\(name)")
        }
    }

    @Test func keepsAValidRequestIdOfTheClient() throws {
        let longest = String(repeating: "a", count: 64)
        for id in ["abc", "A-1_b.C", longest, "0"] {
            #expect(try stack.get("/health", headers: [("X-Request-Id", id)]).headers["x-request-id"] == id)
            let problem = try stack.get("/nowhere", headers: [("X-Request-Id", id)])
            expectProblem(problem, 404)
            #expect(problem["request_id"] == .string(id))
            // nginx responds to this one.
            #expect(try stack.client.send("TRACE", "/", headers: [("X-Request-Id", id)])["request_id"] == .string(id))
        }
        var seen: Set<String> = []
        for id in ["", longest + "a", "two words", "a\"b", "a\\nb", "<b>", "é", "\u{1}", "a;b", "${jndi:x}"] {
            for method in ["GET", "TRACE"] {
                let answer = try stack.client.send(method, "/nowhere", headers: [("X-Request-Id", id)])
                let own = answer.headers["x-request-id"] ?? ""
                #expect(own.count >= 16 && own != id, "\(id): \(own)")
                #expect(seen.insert(own).inserted)
            }
        }
    }

    @Test func everyResponseHasTheSecurityHeaders() throws {
        let user = try stack.makeUser()
        let made = try stack.post("/posts", ["title": "a", "content": "b"], token: user.token)
        let location = try #require(made.headers["location"])
        let tag = try #require(made.headers["etag"])
        let answers = try [
            stack.get("/"), stack.get("/health"), stack.get("/api/task-types"), stack.get("/nowhere"), made,
            stack.get(location, token: user.token, headers: [("If-None-Match", tag)]),
            stack.client.send("OPTIONS", "/me"), stack.client.send("TRACE", "/me"), stack.client.send("HEAD", "/me"),
            stack.post("/logout", [:], token: user.token),
        ]
        #expect(answers.map(\.status) == [200, 200, 200, 404, 201, 304, 204, 405, 401, 204])
        for answer in answers {
            #expect(answer.headers["x-content-type-options"] == "nosniff", "\(answer.status)")
            #expect(answer.headers["cache-control"] == "no-store", "\(answer.status)")
            #expect(answer.headers["referrer-policy"] == "no-referrer", "\(answer.status)")
            #expect(
                answer.headers["content-security-policy"]?.contains("default-src 'none'") == true, "\(answer.status)")
            for name in ["x-request-id", "x-content-type-options", "cache-control", "content-security-policy"] {
                #expect(answer.headers.count(of: name) == 1, "\(answer.status) \(name)")
            }
            #expect(answer.headers["server"] == "nginx")
            #expect(answer.headers["x-powered-by"] == nil)
        }
    }

    @Test(arguments: ["https://evil.example", "null", "http://localhost", "http://localhost.evil.example"])
    func foreignOriginsGetNoCORSHeaders(origin: String) throws {
        for method in ["GET", "OPTIONS", "POST"] {
            let preflight = [("Origin", origin), ("Access-Control-Request-Method", "POST")]
            let answer = try stack.client.send(method, "/me", headers: preflight)
            #expect(answer.headers.fields.allSatisfy { !$0.name.lowercased().hasPrefix("access-control-") })
        }
    }

    /// Nothing listens on the socket, so no call has had an effect.
    @Test func respondsWithUnavailableWhenTheApplicationIsDown() throws {
        let stack = try Stack()
        let supervisor = try #require(stack.processes.first { $0.arguments.dropFirst().first == "serve" })
        kill(supervisor.id, SIGTERM)
        try stack.waitForLog {
            stack.log.split(separator: "\n").count { $0.contains(" responder-exited") } == 2
        }
        for answer in [try stack.get("/health"), try stack.post("/login", ["email": "a", "password": "b"])] {
            expectProblem(answer, 503, "unavailable")
            #expect(answer.headers["retry-after"] == "1")
        }
    }
}
