import Dispatch
import Flows
import HTTP
import JSON
import Postgres
import Synchronization
import TestSupport
import Testing

@testable import App

/// Each endpoint has a rate class; the calls of a class are counted per user, or per address without a user.
@Suite struct RateLimitTests {
    private static let numbers: [RateClass: RateLimits.Numbers] = [
        .read: .init(user: 4, guest: 2), .write: .init(user: 3, guest: 1), .run: .init(user: 2, guest: 1),
        .array: .init(user: 2, guest: 2),
    ]

    private let clock = TestClock()

    private func makeApplication(hasSharedMemory: Bool = true) throws -> TestApplication {
        try TestApplication { [clock] in
            $0.rateLimits = Self.numbers
            $0.hasSharedMemory = hasSharedMemory
            $0.monotonicClock = { UInt64(clock.now) * 1_000 }
        }
    }

    /// The classes that do not follow from method and scope, and a few that do.
    @Test func everyEndpointHasAClass() {
        let explicit: [String: RateClass] = [
            "GET /": .unlimited, "GET /docs": .unlimited, "GET /openapi.json": .unlimited,
            "GET /postman.json": .unlimited, "GET /health": .unlimited, "GET /ready": .unlimited,
            "POST /login": .login, "POST /refresh": .login, "POST /register": .register,
            "POST /create_user": .register, "POST /api/guests": .register, "POST /generate_array": .array,
            "POST /flow-manager": .run, "POST /api/workflows/{id}/execute": .run,
            "POST /api/executions/{id}/resume": .run, "POST /api/executions/{id}/fork": .run,
            "POST /api/operations/{type}/run": .run, "POST /api/flows/validate": .read,
            "POST /api/hooks/{id}/test": .run, "POST /hooks/{token}": .hook,
        ]
        var known = explicit
        for endpoint in Routes.all {
            let name = "\(endpoint.method.rawValue) \(endpoint.path)"
            let expected = known.removeValue(forKey: name) ?? (endpoint.method == .get ? .read : .write)
            #expect(endpoint.rateClass == expected, "\(name)")
            if endpoint.access.needsUser { #expect(endpoint.rateClass.countsCalls, "\(name)") }
            if endpoint.rateClass.countsCalls {
                #expect(endpoint.allProblems.contains(.rateLimited), "\(name)")
            }
        }
        #expect(known.isEmpty)
    }

    @Test(arguments: [true, false]) func answersSayWhatIsLeft(hasSharedMemory: Bool) throws {
        let application = try makeApplication(hasSharedMemory: hasSharedMemory)
        let user = try application.makeUser()
        for left in (0..<4).reversed() {
            let answer = try application.get("/me", token: user.token)
            #expect(answer.status == 200)
            #expect(answer.headers["ratelimit-policy"] == "\"read\";q=4;w=60")
            #expect(answer.headers["ratelimit"]?.hasPrefix("\"read\";r=\(left);t=") == true)
            #expect(answer.headers["retry-after"] == nil)
        }
        for _ in 0..<2 {
            let refused = try application.get("/me", token: user.token)
            expectProblem(refused, 429, "rate_limited")
            let wait = try #require(refused.headers["retry-after"])
            #expect(try (1...60).contains(#require(Int(wait))))
            #expect(refused.headers["ratelimit-policy"] == "\"read\";q=4;w=60")
            #expect(refused.headers["ratelimit"] == "\"read\";r=0;t=\(wait)")
            for name in ["ratelimit", "ratelimit-policy", "retry-after"] {
                #expect(refused.headers.count(of: name) == 1)
            }
        }
        #expect(try application.send("PATCH", "/me", ["name": "a"], token: user.token).status == 200, "another class")
        if hasSharedMemory {
            clock.advance(by: 15)
            #expect(try application.get("/me", token: user.token).status == 200)
            expectProblem(try application.get("/me", token: user.token), 429, "rate_limited")
        } else {
            try application.database.connect().execute("UPDATE rate_limits SET window_start = now() - interval '1 min'")
            #expect(try application.get("/me", token: user.token).status == 200)
        }
        #expect(try application.count("SELECT count(*) FROM rate_limits") == (hasSharedMemory ? 0 : 2))
    }

    /// Answers for errors that follow the count have the headers too; those for errors that precede it do not.
    @Test func errorsSayWhatIsLeft() throws {
        let application = try makeApplication()
        let user = try application.makeUser()
        let missing = try application.get("/posts/\(unknownID)", token: user.token)
        expectProblem(missing, 404, "not_found")
        #expect(missing.headers["ratelimit"]?.hasPrefix("\"read\";r=3;") == true)
        let wrong = try application.post("/posts", ["title": 1], token: user.token)
        expectProblem(wrong, 422, "validation_failed")
        #expect(wrong.headers["ratelimit"] == nil, "it does not count")
        expectProblem(try application.get("/me"), 401, "token_missing")
        for path in ["/health", "/ready", "/"] {
            let answer = try application.get(path)
            #expect(answer.headers["ratelimit"] == nil && answer.headers["ratelimit-policy"] == nil)
        }
    }

    /// All sessions and keys of a user count together.
    @Test func theLimitIsOfTheUser() throws {
        let application = try makeApplication()
        let user = try application.makeUser()
        let session = try application.post(
            "/login", ["email": .string(user.email), "password": .string(user.password)])
        let key = try application.post("/api/keys", ["name": "k"], token: user.token)
        let tokens = [user.token, session["token"].stringValue, key["key"].stringValue].compactMap(\.self)
        #expect(tokens.count == 3)
        for number in 0..<6 {
            let answer = try application.get("/me", token: tokens[number % 3])
            #expect(answer.status == (number < 4 ? 200 : 429))
        }
        #expect(try application.get("/me", token: try application.makeUser().token).status == 200)
    }

    @Test func guestsHaveTheirOwnNumbers() throws {
        let application = try makeApplication()
        let guest = try application.post("/api/guests", [:], from: "192.0.2.1")
        let token = try #require(guest["token"].stringValue)
        #expect(try application.get("/me", token: token).headers["ratelimit-policy"] == "\"read\";q=2;w=60")
        #expect(try application.get("/me", token: token).status == 200)
        expectProblem(try application.get("/me", token: token), 429, "rate_limited")
        let converted = try application.post(
            "/api/guests/convert", ["username": .string(unique("guest")), "password": "long enough"],
            from: "192.0.2.1", token: token)
        #expect(converted.status == 200)
        expectProblem(try application.get("/me", token: token), 429, "rate_limited", "the same person")
        clock.advance(by: 60)
        #expect(try application.get("/me", token: token).headers["ratelimit"]?.hasPrefix("\"read\";r=3;") == true)
    }

    @Test(arguments: [true, false]) func callsWithoutAUserCountPerAddress(hasSharedMemory: Bool) throws {
        let application = try makeApplication(hasSharedMemory: hasSharedMemory)
        func types(from address: String) -> HTTPAnswer {
            application.send("GET", "/api/task-types", .null, from: address)
        }
        for number in 0..<6 {
            #expect(types(from: "2001:db8:1:2::\(number)").status == (number < 4 ? 200 : 429), "one network")
        }
        #expect(types(from: "2001:db8:1:3::1").headers["ratelimit"]?.hasPrefix("\"read\";r=3;") == true)
        // A local address may be that of a proxy, which stands for all clients.
        for _ in 0..<8 { #expect(types(from: "127.0.0.1").headers["ratelimit"] == nil) }
    }

    @Test func aClassWithoutNumbersHasNoLimit() throws {
        let application = try TestApplication { $0.rateLimits = [.write: .init(user: 1, guest: 1)] }
        let user = try application.makeUser()
        for _ in 0..<20 {
            let answer = try application.get("/me", token: user.token)
            #expect(answer.status == 200 && answer.headers["ratelimit"] == nil)
        }
    }

    /// At endpoints with handlers that claim the key, and where the pipeline does.
    @Test(arguments: [true, false], ["/flow-manager", "/posts"])
    func replaysDoNotCount(hasSharedMemory: Bool, path: String) throws {
        let body: JSON = path == "/posts" ? ["title": "a", "content": "b"] : .demoFlow
        let application = try makeApplication(hasSharedMemory: hasSharedMemory)
        let user = try application.makeUser()
        func send(_ key: String) throws -> HTTPAnswer {
            try application.post(path, body, token: user.token, headers: [("Idempotency-Key", key)])
        }
        let first = try send("first")
        #expect(first.status < 300)
        for _ in 0..<5 {
            let again = try send("first")
            #expect(again.body == first.body && again.headers["idempotency-replayed"] == "true")
            #expect(again.headers["ratelimit"] == nil)
        }
        let limit = path == "/posts" ? 3 : 2
        for number in 1..<limit { #expect(try send("\(number)").status == first.status) }
        expectProblem(try send("late"), 429, "rate_limited")
        #expect(try send("first").body == first.body, "a replay needs no call to be left")
        clock.advance(by: 60)
        if hasSharedMemory { #expect(try send("late").status == first.status, "a refused call claims no key") }
    }

    /// A purchase claims its key itself as well.
    @Test func replaysOfPurchasesDoNotCount() throws {
        let application = try makeApplication()
        let user = try application.makeUser()
        func add(_ key: String) throws -> HTTPAnswer {
            try application.post(
                "/api/operations/addition/run", ["arguments": [1, 2]], token: user.token,
                headers: [("Idempotency-Key", key)])
        }
        let first = try add("first")
        #expect(first.status == 200)
        for _ in 0..<5 { #expect(try add("first").body == first.body) }
        #expect(try add("second").status == 200)
        expectProblem(try add("third"), 429, "rate_limited")
        #expect(try add("first").body == first.body)
    }

    @Test func anAnswerThatComesLaterHasTheHeaders() throws {
        let application = try makeApplication()
        let user = try application.makeUser()
        let request = Request(
            "POST", "/flow-manager", [application.bearer(user.token), ("Content-Type", "application/json")])
        let reply = application.reply(to: request, body: JSON.flow([.task("a", "approval")]).serialized())
        guard case .wait(let start) = reply.continuation else { throw TestFailure("the call does not wait") }
        start(PendingResponse { _ in })
        let wait = try #require(application.waits.all.first)
        let late = try #require(wait.wait.response(application.connection, true))
        #expect(late.headers["RateLimit"]?.hasPrefix("\"run\";r=1;") == true)
        #expect(late.headers.count(of: "RateLimit-Policy") == 1)
    }

    /// Calls on several threads get no more than the limit together.
    @Test func concurrentCallsGetNoMore() throws {
        let application = try TestApplication { $0.rateLimits = [.read: .init(user: 40, guest: 1)] }
        let user = try application.makeUser()
        let (product, bearer) = (application.makeProduct(), application.bearer(user.token))
        let admitted = Atomic(0)
        let database = application.database
        DispatchQueue.concurrentPerform(iterations: 4) { _ in
            let connection = database.connectAsApplication()
            for _ in 0..<20 {
                let reply = product.reply(
                    to: Request("GET", "/me", [bearer]),
                    readingBody: { policy throws(Rejection) in try policy.body(from: []) }, over: connection)
                if reply.initial.status == .ok { admitted.add(1, ordering: .relaxed) }
            }
        }
        #expect(admitted.load(ordering: .relaxed) == 40)
    }

    private let unknownID = "00000000-0000-7000-8000-000000000000"
}
