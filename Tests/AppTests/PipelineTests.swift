import HTTP
import JSON
import Postgres
import TestSupport
import Testing

@testable import App

/// The stages of a request, and their order.
@Suite struct PipelineTests {
    private let application: TestApplication
    private let user: TestUser

    init() throws {
        application = try TestApplication()
        user = try application.makeUser()
    }

    /// The response to a call with a body that must not be read.
    private func answerUnread(
        _ endpoint: Endpoint<Context>, _ headers: [(String, String)] = [],
        sourceLocation: SourceLocation = #_sourceLocation
    ) -> HTTPAnswer {
        let request = Request(endpoint.method.rawValue, endpoint.target, headers)
        let reply = application.reply(
            to: request,
            readingBody: { _ throws(Rejection) in
                Issue.record("\(endpoint.operation) reads the body", sourceLocation: sourceLocation)
                return .empty
            })
        return HTTPAnswer(reply.initial)
    }

    @Test func theRouteIsMatchedBeforeAuthentication() throws {
        expectProblem(try application.get("/nothing"), 404, "not_found")
        expectProblem(try application.get("/posts/1/2"), 404, "not_found")
        let wrong = try application.send("PATCH", "/posts")
        expectProblem(wrong, 405, "method_not_allowed")
        #expect(wrong.headers["allow"]?.contains("POST") == true)
        let options = try application.send("OPTIONS", "/posts")
        #expect(options.status == 204)
        #expect(options.headers["allow"] == wrong.headers["allow"])
        for path in ["", "posts", "//posts", "/posts//", "/posts/../me", "/posts/%2e%2e/me", "/me%2fx", "/%ff"] {
            expectProblem(try application.get(path), 400, "bad_request", path)
        }
    }

    @Test func oneSlashAtTheEndMeansTheSameRoute() throws {
        for endpoint in Routes.all where endpoint.path != "/" {
            let (target, name) = (endpoint.target, "\(endpoint.method) \(endpoint.path)")
            let allowed = try application.send("OPTIONS", target).headers["allow"]
            #expect(allowed != nil)
            #expect(try application.send("OPTIONS", target + "/").headers["allow"] == allowed, "\(name)")
            expectProblem(try application.send("OPTIONS", target + "//"), 400, "bad_request", name)
            guard endpoint.access.needsUser else { continue }
            expectChallenge(try application.send(endpoint.method.rawValue, target + "/"), "token_missing", name)
        }
        let list = try application.get("/posts/?user_id=\(user.id)&limit=1", token: user.token)
        #expect(list.status == 200 && list["items"] == [])
        #expect(try application.get("/api/executions/", token: user.token)["items"] == [])
        #expect(
            application.events.all.contains { event in
                if case .requestFinished(let finished) = event { finished.route == "/api/executions" } else { false }
            })
    }

    @Test func malformedRequestsAreRefusedFirst() {
        for target in ["/health", "/nothing", "/me"] {
            let request = Request(method: "GET", target: target, isMalformed: true)
            expectProblem(HTTPAnswer(application.reply(to: request).initial), 400, "bad_request", target)
        }
    }

    /// Also if the account was disabled without its sessions being ended, for example by an operator's SQL.
    @Test func aDisabledUserHasNoSession() throws {
        try application.database.connect().execute("UPDATE users SET disabled_at = now() WHERE id = \(user.id)")
        expectChallenge(try application.get("/me", token: user.token), "token_invalid")
    }

    @Test func theBodyOfARefusedCallIsNotRead() throws {
        let guest = try #require(try application.send("POST", "/api/guests")["token"].stringValue)
        let keys = try ["read", "run", "write"].map { scope in
            let draft: JSON = ["name": "k", "scopes": [.string(scope)]]
            return (scope, try #require(try application.post("/api/keys", draft, token: user.token)["key"].stringValue))
        }
        for endpoint in Routes.all where endpoint.access.needsUser {
            let name = endpoint.operation
            expectChallenge(answerUnread(endpoint), "token_missing", name)
            expectChallenge(answerUnread(endpoint, [application.bearer("x")]), "token_invalid", name)
            let scopes = endpoint.access.takesKeys ? [endpoint.scope, endpoint.limitedScope].map { $0?.rawValue } : []
            for (scope, key) in keys where !scopes.contains(scope) {
                let answer = answerUnread(endpoint, [application.bearer(key)])
                expectRefusal(answer, naming: endpoint.access.takesKeys ? endpoint.scope.rawValue : "login", name)
            }
            if endpoint.access == .account || endpoint.access == .admin {
                let answer = answerUnread(endpoint, [application.bearer(guest)])
                expectRefusal(answer, naming: endpoint.access == .admin ? "'admin'" : "'client'", name)
            }
            if endpoint.access == .admin {
                expectRefusal(answerUnread(endpoint, [application.bearer(user.token)]), naming: "'admin'", name)
            }
        }
    }

    /// A 403 with what the caller lacks in its message.
    private func expectRefusal(_ answer: HTTPAnswer, naming missing: String, _ comment: String) {
        expectProblem(answer, 403, "forbidden", comment)
        #expect(answer["message"].stringValue?.contains(missing) == true, "\(comment): \(answer.text)")
    }

    @Test func tokensExpire() throws {
        #expect(try application.get("/me", token: user.token).status == 200)
        application.clock.advance(by: 86_400)
        expectChallenge(try application.get("/me", token: user.token), "token_expired")
    }

    @Test(arguments: [
        [("Origin", "https://evil.example"), ("Host", "localhost")], [("Origin", "null"), ("Host", "localhost")],
        [("Sec-Fetch-Site", "cross-site")], [("Sec-Fetch-Site", "same-site")],
        [("Origin", "http://localhost"), ("Origin", "http://localhost"), ("Host", "localhost")],
    ])
    func pagesOfOtherOriginsGetNoCookies(headers: [(String, String)]) throws {
        let endpoints = Routes.all.filter(\.setsCookies)
        #expect(Set(endpoints.map(\.path)).isSuperset(of: ["/login", "/refresh", "/api/guests"]))
        for endpoint in endpoints {
            expectProblem(answerUnread(endpoint, headers), 403, "origin_refused", endpoint.operation)
        }
        let own = [("Origin", "http://localhost"), ("Host", "localhost"), ("Sec-Fetch-Site", "same-origin")]
        let body: JSON = ["email": .string(user.email), "password": .string(user.password)]
        #expect(try application.post("/login", body, headers: own).status == 200)
    }

    @Test func changesByCookieNeedTheCSRFTokenAndAnAllowedOrigin() throws {
        let body: JSON = ["email": .string(user.email), "password": .string(user.password)]
        let (one, other) = (try application.post("/login", body), try application.post("/login", body))
        let cookie = ("Cookie", "access_token=" + (one["access_token"].stringValue ?? ""))
        let proof = ("X-CSRF-TOKEN", one["csrf_token"].stringValue ?? "")
        let foreign = ("X-CSRF-TOKEN", other["csrf_token"].stringValue ?? "")
        func change(_ headers: [(String, String)]) throws -> HTTPAnswer {
            try application.send("PATCH", "/me", ["name": "Ann"], headers: [cookie] + headers)
        }
        #expect(try application.get("/me", headers: [cookie]).status == 200)
        expectProblem(try change([]), 403, "csrf_failed")
        expectProblem(try change([foreign]), 403, "csrf_failed", "of another session")
        expectProblem(try change([proof, proof]), 403, "csrf_failed", "twice")
        expectProblem(try change([proof, ("Origin", "https://evil.example")]), 403, "origin_refused")
        #expect(try change([proof]).status == 200)
    }

    @Test func theBodyIsCheckedAfterAuthentication() throws {
        let large = [UInt8](repeating: UInt8(ascii: "["), count: BodyPolicy.memoryLimit + 1)
        let json = ("Content-Type", "application/json")
        let own = application.bearer(user.token)
        expectChallenge(try application.send("POST", "/posts", headers: [json], body: large), "token_missing")
        let refused = try application.send("POST", "/posts", headers: [json, own], body: large)
        expectProblem(refused, 413, "content_too_large")
        let text = ("Content-Type", "text/plain")
        expectChallenge(try application.send("POST", "/posts", headers: [text], body: [0]), "token_missing")
        let unsupported = try application.send("POST", "/posts", headers: [text, own], body: [0])
        expectProblem(unsupported, 415, "unsupported_media_type")
    }

    @Test(arguments: [
        (Rejection.bodyIncomplete, 400, "body_incomplete"), (.bodyNotStored, 503, "unavailable"),
        (.bodyNotAwaited, 503, "unavailable"), (.lengthUnknown, 411, "length_required"),
        (.malformed, 400, "bad_request"), (.bodyTooLarge(limit: 5), 413, "content_too_large"),
    ])
    func rejectedBodiesAreAnsweredWithAProblem(rejection: Rejection, status: Int, code: String) {
        let request = Request("POST", "/posts", [application.bearer(user.token)])
        let reply = application.reply(to: request, readingBody: { _ throws(Rejection) in throw rejection })
        expectProblem(HTTPAnswer(reply.initial), status, code)
    }

    @Test func replaysDoNotCountAgainstTheRateLimit() throws {
        func call(_ key: String, _ body: JSON = ["sentence": "a"]) throws -> HTTPAnswer {
            try application.post("/generate_array", body, token: user.token, headers: [("Idempotency-Key", key)])
        }
        let first = try call("k")
        for _ in 0..<12 {
            #expect(try call("k").body == first.body)
            expectProblem(try call("wrong", ["sentence": 1]), 422, "validation_failed")
        }
        for number in 1..<10 { #expect(try call("\(number)").status == 200) }
        let refused = try call("late")
        expectProblem(refused, 429, "rate_limited")
        #expect(refused.headers["ratelimit-policy"] == "\"array\";q=10;w=60")
        #expect(refused.headers["retry-after"].flatMap(Int.init).map((1...60).contains) == true)
        let other = try application.makeUser()
        #expect(try application.post("/generate_array", ["sentence": "a"], token: other.token).status == 200)
        #expect(try call("k").body == first.body)
    }

    @Test func headIsAnsweredLikeGet() throws {
        let head = try application.send("HEAD", "/me", token: user.token)
        #expect(head.status == 200)
        #expect(head.body == (try application.get("/me", token: user.token).body), "the edge omits the body")
    }
}

extension Endpoint {
    /// Its path with a value for each parameter.
    fileprivate var target: String {
        path.split(separator: "/", omittingEmptySubsequences: false).map { segment in
            segment == "{id}" ? "00000000-0000-7000-8000-000000000001" : segment.hasPrefix("{") ? "x" : String(segment)
        }.joined(separator: "/")
    }
}
