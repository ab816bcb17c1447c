import HTTP
import JSON
import Postgres
import TestSupport
import Testing

/// `Idempotency-Key`: a repeated call has one effect, and its response is replayed for a day.
@Suite struct IdempotencyTests {
    let application: TestApplication
    let user: TestUser
    private let clock = TestClock()

    init() throws {
        application = try TestApplication { [clock] in $0.monotonicClock = { UInt64(clock.now) * 1_000 } }
        user = try application.makeUser()
    }

    private func post(_ path: String, _ body: JSON, key: String) throws -> HTTPAnswer {
        try application.post(path, body, token: user.token, headers: [("Idempotency-Key", key)])
    }

    private func count(_ table: SQL) throws -> Int {
        try application.database.connect().query("SELECT count(*) FROM \(table) WHERE user_id = \(user.id)").only
            .decode(
                Int.self)
    }

    private static let calls: [(path: String, body: JSON, table: SQL)] = [
        ("/flow-manager", .demoFlow, "executions"), ("/posts", ["title": "a", "content": "b"], "posts"),
        ("/upload", ["title": "a", "content": "b"], "posts"),
    ]

    @Test func replaysTheResponseOfTheFirstCall() throws {
        for (path, body, table) in IdempotencyTests.calls {
            let (key, before) = (unique("key"), try count(table))
            let first = try post(path, body, key: key)
            #expect(first.status < 300)
            #expect(first.headers["idempotency-replayed"] == nil)
            for _ in 0..<3 {
                let again = try post(path, body, key: key)
                #expect(again.headers["idempotency-replayed"] == "true")
                #expect(again.status == first.status)
                #expect(again.body == first.body)
                for name in ["content-type", "location", "etag"] { #expect(again.headers[name] == first.headers[name]) }
                #expect(again.headers["x-request-id"] != first.headers["x-request-id"])
            }
            #expect(try count(table) == before + 1, "\(path)")
        }
        let first = try post("/generate_array", ["sentence": "a"], key: "k")
        #expect(first.json.arrayValue?.count == 500)
        for _ in 0..<12 { #expect(try post("/generate_array", ["sentence": "a"], key: "k").body == first.body) }
    }

    @Test func aSlashAtTheEndOfThePathIsTheSameCall() throws {
        for (path, body, table) in IdempotencyTests.calls {
            let (key, before) = (unique("key"), try count(table))
            let first = try post(path, body, key: key)
            let again = try post(path + "/", body, key: key)
            #expect(again.headers["idempotency-replayed"] == "true", "\(path)")
            #expect(again.body == first.body)
            #expect(try count(table) == before + 1, "\(path)")
        }
    }

    /// A key belongs to one user and one path.
    @Test func keysOfOtherUsersAndPathsAreSeparate() throws {
        let other = try application.makeUser()
        let mine = try post("/posts", ["title": "a", "content": "b"], key: "same")
        let upload = try post("/upload", ["title": "a", "content": "b"], key: "same")
        let theirs = try application.post(
            "/posts", ["title": "other", "content": "b"], token: other.token, headers: [("Idempotency-Key", "same")])
        #expect([mine.status, upload.status, theirs.status] == [201, 201, 201])
        #expect(Set([mine["id"], upload["id"], theirs["id"]]).count == 3)
        #expect(theirs["title"] == "other")
    }

    @Test func refusesAKeyReusedWithAnotherBody() throws {
        for (path, body, table) in IdempotencyTests.calls {
            let (key, before) = (unique("key"), try count(table))
            #expect(try post(path, body, key: key).status < 300)
            var other = try #require(body.objectValue)
            other[path == "/flow-manager" ? "input" : "content"] = "another"
            expectProblem(try post(path, .object(other), key: key), 422, "idempotency_key_reused", path)
            #expect(try count(table) == before + 1)
        }
    }

    @Test func refusesInvalidKeys() throws {
        let body: JSON = ["title": "a", "content": "b"]
        for key in [String(repeating: "k", count: 256), "two words", "a\u{7f}", "é", "a\tb"] {
            expectProblem(try post("/posts", body, key: key), 400, nil, key)
        }
        let twice = try application.post(
            "/posts", body, token: user.token, headers: [("Idempotency-Key", "a"), ("Idempotency-Key", "b")])
        #expect(twice.status == 400)
        #expect(try post("/posts", body, key: String(repeating: "k", count: 255)).status == 201)
        #expect(try count("posts") == 1)
    }

    @Test func refusesKeysWhereTheResponseContainsASecret() throws {
        let account: JSON = ["email": .string(unique("kept") + "@example.org"), "password": "long enough"]
        for path in ["/login", "/register", "/create_user", "/logout"] {
            let body = path == "/logout" ? [:] : account
            expectProblem(try post(path, body, key: "k"), 400, "idempotency_refused", path)
        }
        #expect(try application.get("/me", token: user.token).status == 200, "the session is still active")
    }

    /// A refusal because of the flow is replayed like any response; a refusal by the rate limit is not stored.
    @Test func replaysRefusalsAndFailures() throws {
        let refused = try post("/flow-manager", .flow([.task("a", "no.such.type")]), key: "refused")
        let failed = try post("/flow-manager", .flow([.task("a", "fail")]), key: "failed")
        for (flow, first, key) in [
            (JSON.flow([.task("a", "no.such.type")]), refused, "refused"),
            (.flow([.task("a", "fail")]), failed, "failed"),
        ] {
            #expect(first.status == 422)
            let again = try post("/flow-manager", flow, key: key)
            #expect(again.headers["idempotency-replayed"] == "true")
            #expect(again.status == 422)
            #expect(again.body == first.body)
        }
        #expect(try count("executions") == 1)

        for _ in 0..<10 {
            #expect(try application.post("/generate_array", ["sentence": "a"], token: user.token).status == 200)
        }
        expectProblem(try post("/generate_array", ["sentence": "a"], key: "late"), 429, "rate_limited")
        clock.advance(by: 60)
        #expect(try post("/generate_array", ["sentence": "a"], key: "late").status == 200)
    }

    /// The answer is that of the run's present record, also after a resume.
    @Test func replaysTheStateOfAResumedRun() throws {
        let flow = JSON.flow([.task("a", "data.fetch", ["name": "late"])])
        let first = try post("/flow-manager", flow, key: "resumed")
        #expect(first.status == 422)
        #expect(try application.send("PUT", "/api/data/late", ["value": 7], token: user.token).status == 200)
        let id = first["execution_id"].stringValue ?? ""
        #expect(try application.post("/api/executions/\(id)/resume", [:], token: user.token).status == 202)
        #expect(try post("/flow-manager", flow, key: "resumed").status == 202)
        try application.work()
        let again = try post("/flow-manager", flow, key: "resumed")
        #expect(again.status == 200 && again["status"] == "completed", "\(again.text)")
        #expect(again["execution_id"] == .string(id) && again["result"] == 7)
        #expect(again.headers["idempotency-replayed"] == "true")
        #expect(try count("executions") == 1)
    }

    /// Calls that change a run or fork it are answered with what the record is now, and have one effect.
    @Test func replaysOfChangesShowTheRunAsItIsNow() throws {
        let flow = JSON.chain([.task("a", "approval"), .task("b", "approval")])
        let id = try #require(try post("/flow-manager", flow, key: "start")["id"].stringValue)
        try application.work()
        let run = "/api/executions/\(id)"
        func twice(_ path: String, _ body: JSON, _ status: Int, then: (Int, JSON)) throws -> HTTPAnswer {
            let first = try post(path, body, key: path)
            #expect(first.status == status && first.headers["idempotency-replayed"] == nil, "\(path) \(first.text)")
            try application.work()
            let again = try post(path, body, key: path)
            #expect(again.status == then.0 && again["status"] == then.1, "\(path) \(again.text)")
            #expect(again.headers["idempotency-replayed"] == "true")
            return again
        }
        _ = try twice("\(run)/signal", ["step": 1, "approved": true], 202, then: (202, "waiting"))
        let canceled = try twice("\(run)/cancel", [:], 200, then: (200, "canceled"))
        #expect(canceled["steps"].each("status") == ["success", "canceled"])
        _ = try twice("\(run)/resume", [:], 202, then: (202, "waiting"))
        #expect(try post("\(run)/cancel", [:], key: "\(run)/cancel")["status"] == "waiting")
        #expect(try post("\(run)/cancel", [:], key: "again").status == 200)
        let resumed = try post("\(run)/resume", [:], key: "\(run)/resume")
        #expect(resumed.status == 200 && resumed["status"] == "canceled" && resumed["id"] == .string(id))
        expectProblem(try post("\(run)/cancel", [:], key: "late"), 409, "execution_over")
        #expect(try post("\(run)/resume", [:], key: "late").status == 202)
        #expect(try post("\(run)/cancel", [:], key: "late").status == 200, "a refusal is not stored")
        let forked = try twice("\(run)/fork", ["step": 1], 202, then: (202, "waiting"))
        #expect(forked["forked_from"] == .string(id) && forked["differs"]["step"] == 1)
        #expect(try count("executions") == 2)
        let fork = forked["id"].stringValue ?? ""
        #expect(try post("/api/executions/\(fork)/cancel", [:], key: "k").status == 200)
        let ended = try post("\(run)/fork", ["step": 1], key: "\(run)/fork")
        #expect(ended.status == 200 && ended["id"] == .string(fork) && ended["status"] == "canceled")
        #expect(try application.send("DELETE", "/api/executions/\(fork)", token: user.token).status == 204)
        expectProblem(try post("\(run)/fork", ["step": 1], key: "\(run)/fork"), 410, "execution_deleted")
    }

    @Test func keysExpireAfterADay() throws {
        for (path, body, table) in IdempotencyTests.calls {
            let (key, before) = (unique("key"), try count(table))
            let first = try post(path, body, key: key)
            try age(key, by: "23 hours")
            #expect(try post(path, body, key: key).body == first.body)
            try age(key, by: "2 hours")
            let second = try post(path, body, key: key)
            #expect(second.status < 300)
            #expect(second.headers["idempotency-replayed"] == nil)
            #expect(second.body != first.body)
            #expect(try post(path, body, key: key).body == second.body)
            #expect(try count(table) == before + 2, "\(path)")
        }
    }

    private func age(_ key: String, by interval: String) throws {
        try application.database.connect().execute(
            """
            UPDATE idempotency_keys SET created_at = created_at - \(interval)::interval
            WHERE user_id = \(user.id) AND key = \(key)
            """
        )
    }
}
