import Dispatch
import Flows
import HTTP
import JSON
import Postgres
import TestSupport
import Testing

@testable import App

/// The quota of bytes: what counts, what gives bytes back, and what a full account is refused.
@Suite struct StorageTests {
    private let application: TestApplication
    private let user: TestUser

    init() throws {
        application = try TestApplication {
            $0.runLimits.storage = StorageQuota(user: 200_000, guest: 20_000)
        }
        user = try application.makeUser()
    }

    private func call(_ method: String, _ target: String, _ body: JSON? = nil) throws -> HTTPAnswer {
        try application.send(method, target, body, token: user.token, headers: [("Prefer", "wait=0")])
    }

    @discardableResult
    private func expectStatus(
        _ status: Int, _ answer: HTTPAnswer, sourceLocation: SourceLocation = #_sourceLocation
    ) -> HTTPAnswer {
        #expect(answer.status == status, "\(answer.text.prefix(300))", sourceLocation: sourceLocation)
        return answer
    }

    /// The bytes that the counters say and `/me` tells. Checks that they are those of the tables.
    @discardableResult
    private func expectExactCount(sourceLocation: SourceLocation = #_sourceLocation) throws -> Int64 {
        while try application.services.engine.storage.fold(on: application.connection) {}
        let rows = try application.database.connect().query(
            """
            SELECT u.id, coalesce((SELECT sum(s.bytes) FROM storage s WHERE s.user_id = u.id), 0)::bigint,
                coalesce((SELECT sum(s.bytes) FROM stored s WHERE s.user_id = u.id), 0)::bigint
            FROM users u
            """)
        for row in rows {
            let (id, counted, stored) = try row.decode(String.self, Int64.self, Int64.self)
            #expect(counted == stored, "\(id)", sourceLocation: sourceLocation)
        }
        let shown = try application.get("/me", token: user.token)["storage"]
        #expect(shown["limit"] == 200_000)
        return try #require(shown["bytes"]?.integerValue)
    }

    private static func text(_ count: Int) -> JSON { .string(String(repeating: "x", count: count)) }

    @Test func countersEqualWhatTheTablesHold() throws {
        #expect(try expectExactCount() == 0)
        for value: JSON in [1, ["é\n", nil, 1.5], Self.text(3_000), Self.text(10)] {
            expectStatus(200, try call("PUT", "/api/data/a", ["value": value]))
            try expectExactCount()
        }
        let post = try call("POST", "/posts", ["title": "é", "content": Self.text(500)])
        let postPath = try #require(post.headers["location"])
        expectStatus(200, try call("PATCH", postPath, ["content": "short"]))
        expectStatus(200, try call("PUT", postPath, ["title": "t", "content": Self.text(700)]))
        try expectExactCount()

        // Runs: at once, waiting, failing, retried, and with documents.
        expectStatus(
            200, try call("POST", "/flow-manager", .chain([.task("a", "pass", ["é": 1.0]), .task("b", "pass")])))
        expectStatus(200, try call("POST", "/flow-manager", .flow([.task("a", "pass", nil)], input: nil)))
        expectStatus(422, try call("POST", "/flow-manager", .flow([.task("a", "fail", ["message": "é\"\n"])])))
        expectStatus(200, try call("POST", "/flow-manager", .chain([.task("a", "pass"), .task("b", "data.store")])))
        try expectExactCount()
        let waiting = try call(
            "POST", "/flow-manager",
            .chain([.task("a", "pass", Self.text(50)), .task("b", "approval"), .task("c", "pass")]))
        let run = try #require(waiting.headers["location"])
        try application.work()
        try expectExactCount()
        expectStatus(202, try call("POST", "\(run)/signal", ["step": 2, "approved": true, "data": Self.text(90)]))
        try application.work()
        #expect(try call("GET", run)["status"] == "completed")
        try expectExactCount()
        expectStatus(202, try call("POST", "\(run)/fork", ["step": 3, "input": Self.text(40)]))
        try application.work()
        try expectExactCount()
        let canceled = try #require(
            try call("POST", "/flow-manager", .chain([.task("a", "pass"), .task("b", "approval")])).headers["location"])
        try application.work()
        expectStatus(200, try call("POST", "\(canceled)/cancel"))
        expectStatus(202, try call("POST", "\(canceled)/resume"))
        try application.work()
        expectStatus(202, try call("POST", "\(canceled)/signal", ["step": 3, "approved": false]))
        try application.work()
        try expectExactCount()

        // Workflows, and runs that start runs.
        let workflow = try call("POST", "/api/workflows", .workflow("w"))
        let (path, id) = (try #require(workflow.headers["location"]), workflow["id"])
        expectStatus(200, try call("PUT", path, .workflow("another", giving: 2)))
        expectStatus(204, try call("DELETE", "\(path)/versions/1"))
        for input: JSON in [1, Self.text(6_000), Self.text(20)] {
            expectStatus(200, try call("PUT", "\(path)/schedule", ["cron": "@daily", "input": input]))
            try expectExactCount()
        }
        expectStatus(204, try call("DELETE", "\(path)/schedule"))
        try expectExactCount()
        expectStatus(200, try call("PUT", "\(path)/schedule", ["cron": "@daily", "input": Self.text(5_000)]))
        expectStatus(202, try call("POST", "\(path)/execute", ["input": [1, 2]]))
        let map: JSON = ["workflow": id, "items": [1, "é", Self.text(20)]]
        expectStatus(202, try call("POST", "/flow-manager", .chain([.task("m", "map", map), .task("b", "pass")])))
        try application.work()
        try expectExactCount()
        expectStatus(200, try call("POST", "/api/operations/addition/run", ["arguments": [1, 2]]))
        let full = try expectExactCount()

        expectStatus(204, try call("DELETE", path))
        expectStatus(204, try call("DELETE", postPath))
        for name in ["a", "result"] { expectStatus(204, try call("DELETE", "/api/data/\(name)")) }
        #expect(try expectExactCount() < full)
        let ids = try application.connection.query("SELECT id FROM executions WHERE user_id = \(user.id)").map {
            try $0.decode(String.self)
        }
        try application.connection.execute(
            RunRemoval.removing(ids, of: user.id, counting: application.services.engine.storage))
        try application.connection.pipeline(
            RunRemoval.removingVersions(of: id.stringValue ?? "", ownedBy: user.id, counting: .unlimited))
        #expect(try expectExactCount() == 0)
        #expect(try application.count("SELECT count(*) FROM steps") == 0)
    }

    /// All counters of a user, and whether anything was stored.
    private func snapshot() throws -> [Int] {
        try ["documents", "posts", "workflow_versions", "workflows", "executions", "steps", "queue"].map {
            try application.count("SELECT count(*) FROM \(unsafeRaw: $0)")
        }
    }

    @Test func aFullAccountStoresNothingMore() throws {
        // A run counts its flow and its outputs.
        let run = try call(
            "POST", "/flow-manager", .chain([.task("a", "pass", Self.text(11_000)), .task("b", "fail")]))
        let id = try #require(run["execution_id"].stringValue)
        expectStatus(200, try call("PUT", "/api/data/big", ["value": Self.text(168_500)]))
        let workflow = try #require(try call("POST", "/api/workflows", .workflow("w")).headers["location"])
        let post = try #require(try call("POST", "/posts", ["title": "a", "content": "b"]).headers["location"])
        let (before, bytes) = (try snapshot(), try expectExactCount())
        let large = Self.text(12_000)
        var flow = JSON.workflow("large").objectValue ?? JSONObject()
        flow["description"] = Self.text(9_990)
        let calls: [(method: String, target: String, body: JSON)] = [
            ("PUT", "/api/data/more", ["value": large]), ("POST", "/posts", ["title": "a", "content": large]),
            ("PATCH", post, ["content": large]), ("POST", "/api/workflows", .object(flow)),
            ("PUT", workflow, .object(flow)), ("PUT", "\(workflow)/schedule", ["cron": "@daily", "input": large]),
            ("POST", "/flow-manager", .flow([.task("a", "pass")], input: large)),
            ("POST", "/flow-manager", .flow([.task("a", "pass", large)])),
            ("POST", "/flow-manager", .flow([.task("a", "data.store")], input: large)),
            ("POST", "\(workflow)/execute", ["input": large]), ("POST", "/api/executions/\(id)/fork", ["step": 2]),
        ]
        for (method, target, body) in calls {
            expectProblem(try call(method, target, body), 413, "quota_exceeded", "\(method) \(target)")
            let key = [("Idempotency-Key", unique("k")), ("Prefer", "respond-async")]
            let keyed = try application.send(method, target, body, token: user.token, headers: key)
            expectProblem(keyed, 413, "quota_exceeded", "\(method) \(target)")
        }
        #expect(try snapshot() == before)
        #expect(try expectExactCount() == bytes)
        expectStatus(200, try call("PUT", "/api/data/big", ["value": 1]))
        expectStatus(200, try call("PUT", "/api/data/more", ["value": large]))
        try expectExactCount()
    }

    /// What an active run has committed stays, and it fails with what it can no longer store.
    @Test func aRunFailsThatCannotStoreItsSteps() throws {
        let large = Self.text(9_000)
        let tasks: [JSON] = [
            .task("a", "pass"), .task("b", "approval"), .task("c", "pass", large), .task("d", "data.store"),
        ]
        let run = try #require(try call("POST", "/flow-manager", .chain(tasks)).headers["location"])
        try application.work()
        expectStatus(200, try call("PUT", "/api/data/big", ["value": Self.text(178_000)]))
        expectStatus(202, try call("POST", "\(run)/signal", ["step": 2, "approved": true]))
        try application.work()
        let failed = try call("GET", run)
        #expect(failed["status"] == "failed" && failed["error"]["code"] == "quota_exceeded")
        #expect(failed["steps"].each("task").first == "a")
        #expect(try application.count("SELECT count(*) FROM documents") == 1)
        #expect(try application.count("SELECT count(*) FROM queue") == 0)
        try expectExactCount()
        expectStatus(204, try call("DELETE", "/api/data/big"))
        expectStatus(202, try call("POST", "\(run)/resume"))
        try application.work()
        expectStatus(202, try call("POST", "\(run)/signal", ["step": 3, "approved": true]))
        try application.work()
        #expect(try call("GET", run)["status"] == "completed")
        try expectExactCount()
    }

    /// A call has to commit before it stores a second document.
    @Test func aRunFailsThatItsCallCannotContinue() throws {
        let large = Self.text(120_000)
        let tasks: [JSON] = [
            .task("a", "data.store", ["name": "first", "value": 1]),
            .task("b", "data.store", ["name": "second", "value": large]),
        ]
        let answer = expectStatus(422, try call("POST", "/flow-manager", .chain(tasks)))
        #expect(answer["status"] == "failed" && answer["executed_tasks"].each("task_name") == ["a"])
        #expect(try call("GET", "/api/data/first")["value"] == 1)
        expectProblem(try call("GET", "/api/data/second"), 404)
        try expectExactCount()
    }

    @Test func guestsHaveLess() throws {
        let token = try #require(
            try application.post("/api/guests", [:], from: "192.0.2.7")["token"].stringValue)
        func put(_ count: Int) throws -> HTTPAnswer {
            try application.send("PUT", "/api/data/a", ["value": Self.text(count)], token: token)
        }
        #expect(try application.get("/me", token: token)["storage"] == ["bytes": 0, "limit": 20_000])
        expectProblem(try put(25_000), 413, "quota_exceeded")
        expectStatus(200, try put(15_000))
        let account: JSON = ["username": .string(unique("u")), "password": "lasting impression"]
        let converted = try application.post("/api/guests/convert", account, token: token)
        #expect(converted["storage"]["limit"] == 200_000 && converted["storage"]["bytes"]?.integerValue ?? 0 > 15_000)
        expectStatus(200, try put(25_000))
    }

    /// What a call stores is small here, but its user is full.
    @Test func smallCallsOfAFullAccountAreRefused() throws {
        let storage = application.services.engine.storage
        let small: (target: String, body: JSON) = ("/flow-manager", .flow([.task("a", "pass")]))
        func fill() throws {
            try application.connection.execute(
                "INSERT INTO storage_changes (user_id, bytes) VALUES (\(user.id), 300000)")
            #expect(try !storage.fold(on: application.connection))
        }
        try fill()
        let before = try snapshot()
        for (target, body) in [small, ("/api/operations/addition/run", ["arguments": [1]])] {
            expectProblem(try call("POST", target, body), 413, "quota_exceeded", target)
        }
        expectProblem(try call("PUT", "/api/data/a", ["value": 1]), 413, "quota_exceeded")
        #expect(try snapshot() == before)
        func giveBack(_ bytes: Int) throws {
            try application.connection.execute(
                """
                WITH gone AS (SELECT \(bytes)::bigint AS bytes)
                \(storage.givingBack("SELECT bytes FROM gone", of: user.id))
                """)
        }
        try giveBack(9)
        expectProblem(try call("POST", small.target, small.body), 413, "quota_exceeded", "it is full all the same")
        try giveBack(190_000)
        expectStatus(200, try call("POST", small.target, small.body))
        try fill()
        try application.connection.execute(
            "INSERT INTO storage_changes (user_id, bytes) VALUES (\(user.id), -400000)")
        _ = try storage.fold(on: application.connection)
        expectStatus(200, try call("POST", small.target, small.body))
    }

    /// The refusal rolls the call back, but not its count.
    @Test(arguments: [true, false]) func aCallWithoutRoomForItsAnswerCountsTowardTheRateLimit(
        hasSharedMemory: Bool
    ) throws {
        let application = try TestApplication {
            $0.runLimits.storage = StorageQuota(user: 200_000, guest: 20_000)
            $0.hasSharedMemory = hasSharedMemory
        }
        let user = try application.makeUser()
        try application.connection.execute(
            "INSERT INTO storage_changes (user_id, bytes) VALUES (\(user.id), 199000)")
        _ = try application.services.engine.storage.fold(on: application.connection)
        func generate(_ key: String) throws -> HTTPAnswer {
            try application.send(
                "POST", "/generate_array", ["sentence": "a"], token: user.token, headers: [("Idempotency-Key", key)])
        }
        for number in 1...10 {
            let answer = try generate("k\(number % 2)")
            expectProblem(answer, 413, "quota_exceeded")
            #expect(answer.headers["ratelimit"]?.hasPrefix("\"array\";r=\(10 - number);") == true)
        }
        expectProblem(try generate("k1"), 429, "rate_limited")
        #expect(try application.count("SELECT count(*) FROM idempotency_keys") == 0)
    }

    /// A stored answer counts until it is removed, whatever becomes of what the call has made.
    @Test func storedAnswersCount() throws {
        var large = JSON.workflow("large").objectValue ?? JSONObject()
        large["description"] = Self.text(9_900)
        func keyed(_ target: String, _ body: JSON, _ key: String) throws -> HTTPAnswer {
            try application.send("POST", target, body, token: user.token, headers: [("Idempotency-Key", key)])
        }
        func age(_ interval: String) throws {
            try application.database.connect().execute(
                "UPDATE idempotency_keys SET created_at = created_at - \(interval)::interval")
        }
        var made: [HTTPAnswer] = []
        for number in 0..<30 {
            let answer = try keyed("/api/workflows", .object(large), "k\(number)")
            guard let path = answer.headers["location"] else {
                expectProblem(answer, 413, "quota_exceeded")
                break
            }
            made.append(answer)
            expectStatus(204, try call("DELETE", path))
        }
        #expect((15..<21).contains(made.count))
        let (before, full) = (try snapshot(), try expectExactCount())
        #expect(full > 170_000)
        #expect(try keyed("/api/workflows", .object(large), "k0").body == made.first?.body)
        expectProblem(try keyed("/api/workflows", .object(large), "more"), 413, "quota_exceeded")
        #expect(try snapshot() == before)
        #expect(try expectExactCount() == full)

        // A key that is used again after a day: its new answer replaces the old one.
        try age("25 hours")
        expectStatus(200, try keyed("/api/flows/validate", .flow([.task("a", "pass")]), "small"))
        expectStatus(201, try keyed("/posts", ["title": "a", "content": "b"], "small"))
        #expect(try expectExactCount() > full)
        expectStatus(422, try keyed("/api/workflows", [:], "k0"))
        #expect(try expectExactCount() < full - 9_000)

        try age("25 hours")
        try Pruning.run(on: application.connection) { _, _ in }
        #expect(try application.count("SELECT count(*) FROM idempotency_keys") == 0)
        #expect(try expectExactCount() < 1_000)
        expectStatus(201, try keyed("/api/workflows", .object(large), "k0"))
        try expectExactCount()
    }

    /// The refusal of a call that had no effect is the answer of a full user too, only that it is not stored.
    @Test func refusalsOfAFullAccountAreNotStored() throws {
        try application.connection.execute(
            "INSERT INTO storage_changes (user_id, bytes) VALUES (\(user.id), 200000)")
        _ = try application.services.engine.storage.fold(on: application.connection)
        let (flow, key) = (JSON.flow([.task("a", "no.such.type")]), [("Idempotency-Key", "k")])
        for target in ["/api/flows/validate", "/api/workflows"] {
            for _ in 1...2 {
                let answer = try application.post(target, flow, token: user.token, headers: key)
                expectProblem(answer, 422, "validation_failed", target)
                #expect(answer.headers["idempotency-replayed"] == nil)
            }
        }
        #expect(try application.count("SELECT count(*) FROM idempotency_keys") == 0)
        let valid = try application.post(
            "/api/flows/validate", .flow([.task("a", "pass")]), token: user.token, headers: key)
        expectProblem(valid, 413, "quota_exceeded")
    }

    /// The text of a workflow counts once, but each of its runs may wait in a step with a long message.
    @Test func aWaitingStepKeepsLittle() throws {
        let message = Self.text(12_000)
        let beginning = JSON.string(String(repeating: "x", count: 1_000) + "…")
        for (text, kept) in [(message, beginning), ([message], .null), (["a": "é"], ["a": "é"])] {
            let flow = JSON.chain([.task("a", "approval", ["message": text])])
            let run = try #require(try call("POST", "/flow-manager", flow).headers["location"])
            try application.work()
            let step = try call("GET", run)["steps"].arrayValue?.first
            #expect(step?["status"] == "waiting" && step?["output"] == ["message": kept], "\(step?.text ?? "")")
            #expect(step?["input"] == ["message": text])
        }
    }

    /// A run of a full user stores no document, however small.
    @Test func aSmallDocumentOfAFullAccountIsRefused() throws {
        let storage = application.services.engine.storage
        try application.connection.execute(
            "INSERT INTO storage_changes (user_id, bytes) VALUES (\(user.id), 200000)")
        _ = try storage.fold(on: application.connection)
        let error = #expect(throws: PostgresError.self) {
            try application.connection.execute(Document.storing(1, as: "a", of: user.id, counting: storage))
        }
        #expect(error.flatMap { StorageRefusal($0) } == .quotaExceeded)
        #expect(try application.count("SELECT count(*) FROM documents") == 0)
    }

    /// Transactions of one user do not wait for each other because of the counters.
    @Test func openTransactionsDoNotWaitForEachOther() throws {
        let connections = (0..<6).map { _ in application.database.connectAsApplication() }
        let count: SQL = "SELECT count(*) FROM storage WHERE user_id = \(user.id)"
        func total() throws -> Int64 { try StoredBytes.find(of: user.id, on: application.connection) }
        for (number, connection) in connections.enumerated() {
            try connection.begin()
            try connection.execute(StorageQuota.unlimited.counting("\(number + 1)::bigint", of: user.id))
            try connection.execute("INSERT INTO storage_changes (user_id, bytes) VALUES (\(user.id), 100)")
        }
        let storage = application.services.engine.storage
        #expect(try !storage.fold(on: application.connection))
        for connection in connections.reversed() { try connection.commit() }
        #expect(try total() == 21)
        #expect(try !storage.fold(on: application.connection))
        #expect(try total() == 621)
        #expect(try application.count(count) == 7)
        try application.connection.execute(StorageQuota.unlimited.counting("1::bigint", of: user.id))
        #expect(try application.count(count) == 7, "the rows are used again")
    }

    /// Several workers fold at the same time, while changes are added.
    @Test func concurrentFoldsCountEachChangeOnce() throws {
        try application.connection.execute(
            """
            INSERT INTO storage_changes (user_id, bytes)
            SELECT \(user.id)::uuid, 1 FROM generate_series(1, 12000)
            """)
        let (database, storage) = (application.database, application.services.engine.storage)
        DispatchQueue.concurrentPerform(iterations: 4) { _ in
            let connection = database.connectAsApplication()
            for _ in 0..<4 { _ = try? storage.fold(on: connection) }
        }
        while try storage.fold(on: application.connection) {}
        #expect(try StoredBytes.find(of: user.id, on: application.connection) == 12_000)
        #expect(try application.count("SELECT count(*) FROM storage_changes") == 0)
    }
}
