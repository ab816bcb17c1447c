import Flows
import HTTP
import JSON
import Postgres
import TestSupport
import Testing

@testable import App

/// Deleted runs, and calls that repeat those that started them.
@Suite struct RunDeletionTests {
    private let application: TestApplication
    private let user: TestUser

    init() throws {
        application = try TestApplication()
        user = try application.makeUser()
    }

    private func post(_ path: String, _ body: JSON, key: String? = nil, prefer: String = "wait=0") throws -> HTTPAnswer
    {
        let headers = [("Prefer", prefer)] + (key.map { [("Idempotency-Key", $0)] } ?? [])
        return try application.post(path, body, token: user.token, headers: headers)
    }

    private func get(_ id: String) throws -> HTTPAnswer {
        try application.get("/api/executions/\(id)", token: user.token)
    }

    private func delete(_ id: String) throws -> HTTPAnswer {
        try application.send("DELETE", "/api/executions/\(id)", token: user.token)
    }

    /// Runs the flow to its end, and returns the run's id.
    private func run(_ flow: JSON, key: String? = nil) throws -> String {
        let answer = try post("/flow-manager", flow, key: key)
        return try #require(answer["execution_id"].stringValue, "\(answer.text)")
    }

    private func rows(_ id: String) throws -> Int {
        try application.count(
            """
            SELECT (SELECT count(*) FROM executions WHERE id = \(id))
                + (SELECT count(*) FROM steps WHERE execution_id = \(id))
            """)
    }

    @Test func deletesARunWithItsStepsAndKeepsTheLedger() throws {
        let paid = JSON.chain([.task("a", "pass"), .task("b", "calc.addition", ["arguments": [1, 2]])])
        let (kept, deleted) = (try run(paid), try run(paid))
        let entries = try application.count("SELECT count(*) FROM ledger WHERE execution_id = \(deleted)")
        #expect(entries > 0)
        #expect(try delete(deleted).status == 204)
        #expect(try rows(deleted) == 0 && rows(kept) == 3)
        #expect(try application.count("SELECT count(*) FROM ledger WHERE execution_id = \(deleted)") == entries)
        _ = try Ledger.verify(on: application.database.connect())
        for answer in [try get(deleted), try delete(deleted)] { expectProblem(answer, 404, "not_found") }
        #expect(try application.get("/api/executions", token: user.token)["items"].each("id") == [.string(kept)])
    }

    @Test func anActiveRunIsNotDeleted() throws {
        let waiting = try #require(
            try post("/flow-manager", .flow([.task("a", "approval")]))["id"].stringValue)
        expectProblem(try delete(waiting), 409, "execution_under_way")
        try application.work()
        expectProblem(try delete(waiting), 409, "execution_under_way")
        #expect(try post("/api/executions/\(waiting)/cancel", [:]).status == 200)
        #expect(try delete(waiting).status == 204)
        expectProblem(try post("/api/executions/\(waiting)/resume", [:]), 404, "not_found")
    }

    /// Its result may be needed: the run that started it reads it when all of them have ended.
    @Test func aRunIsNotDeletedWhileTheRunThatStartedItIsActive() throws {
        var draft = JSON.flow([.task("a", "pass")]).objectValue ?? JSONObject()
        draft["input"] = nil
        draft["name"] = "w"
        let workflow = try post("/api/workflows", .object(draft))["id"]
        let map = JSON.flow([.task("a", "map", ["items": [1, 2], "concurrency": 1, "workflow": workflow])])
        let parent = try #require(try post("/flow-manager", map)["id"].stringValue)
        let engine = application.services.engine
        for _ in 0..<2 {
            let claim = try #require(try engine.claim(on: application.connection))
            _ = try engine.execute(claim, on: application.connection, Cancellation())
        }
        let child = try application.connection.query("SELECT id FROM executions WHERE parent_id = \(parent)")
            .only.decode(String.self)
        #expect(try get(child)["status"] == "completed")
        expectProblem(try delete(child), 409, "execution_under_way")
        try application.work()
        #expect(try get(parent)["result"] == [1, 2])
        #expect(try delete(child).status == 204)
        #expect(try delete(parent).status == 204)
    }

    @Test(arguments: ["deleted", "pruned"])
    func aRepeatedCallIsToldThatItsRunIsGone(how: String) throws {
        let workflow = try post("/api/workflows", .workflow("w"))["id"].stringValue ?? ""
        let execute = "/api/workflows/\(workflow)/execute"
        let called = try run(.demoFlow, key: "call")
        let queued = try #require(try post(execute, [:], key: "queue")["id"].stringValue)
        try application.work()
        let calls = [("/flow-manager", JSON.demoFlow, "call", called), (execute, [:], "queue", queued)]
        for (path, body, key, id) in calls {
            #expect(try post(path, body, key: key).status == 200)
            if how == "deleted" {
                #expect(try delete(id).status == 204)
            } else {
                try application.database.connect().execute("DELETE FROM executions WHERE id = \(id)")
            }
            for prefer in ["wait=0", "wait=20", "respond-async"] {
                expectProblem(try post(path, body, key: key, prefer: prefer), 410, "execution_deleted", key)
            }
            try Pruning.run(on: application.connection) { _, _ in }
            expectProblem(try post(path, body, key: key), 410, "execution_deleted", key)
        }
        try age("23 hours 59 minutes")
        for (path, body, key, _) in calls {
            expectProblem(try post(path, body, key: key), 410, "execution_deleted", key)
        }
        #expect(try application.count("SELECT count(*) FROM executions WHERE user_id = \(user.id)") == 0)
        try age("2 minutes")
        #expect(try run(.demoFlow, key: "call") != called)
    }

    private func age(_ interval: String) throws {
        try application.database.connect().execute(
            "UPDATE idempotency_keys SET created_at = created_at - \(interval)::interval WHERE user_id = \(user.id)")
    }

    /// A fork has what it needs of the runs that it repeats, also for further forks.
    @Test func aForkDoesNotNeedTheRunsBeforeIt() throws {
        let chain = JSON.chain([.task("a", "pass"), .task("b", "pass"), .task("c", "pass"), .task("d", "pass")])
        func fork(_ id: String, _ step: Int64, _ input: JSON? = nil) throws -> String {
            var body = JSONObject([.init(name: "step", value: .integer(step))])
            body["input"] = input
            let forked = try post("/api/executions/\(id)/fork", .object(body))
            try application.work()
            return try #require(forked["id"].stringValue, "\(forked.text)")
        }
        let first = try run(chain)
        let second = try fork(first, 2, "b")
        let third = try fork(second, 3, "c")
        let inputs = try get(third)["steps"].each("input")
        #expect(inputs == [[:], "b", "c", "c"])
        for id in [first, second] { #expect(try delete(id).status == 204) }
        #expect(try get(third)["steps"].each("input") == inputs)
        let fourth = try fork(third, 4)
        #expect(try get(fourth)["steps"].each("input") == inputs)
        #expect(try delete(third).status == 204)
        #expect(try get(fork(fourth, 3))["steps"].each("input") == inputs)
        #expect(try get(fork(fourth, 2))["steps"].each("input") == [[:], "b", "b", "b"])
    }
}
