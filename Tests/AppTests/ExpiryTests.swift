import Flows
import HTTP
import JSON
import Postgres
import TestSupport
import Testing

@testable import App

/// Runs that last too long, and runs that are too old, as their users see them.
@Suite struct ExpiryTests {
    private let application: TestApplication
    private let user: TestUser

    init() throws {
        application = try TestApplication()
        user = try application.makeUser()
    }

    private func post(_ path: String, _ body: JSON, key: String? = nil) throws -> HTTPAnswer {
        let headers = [("Prefer", "wait=0")] + (key.map { [("Idempotency-Key", $0)] } ?? [])
        return try application.post(path, body, token: user.token, headers: headers)
    }

    private func get(_ path: String) throws -> HTTPAnswer { try application.get(path, token: user.token) }

    /// An engine with these limits.
    private func engine(_ change: (inout Engine.Limits) -> Void) -> Engine {
        var limits = Engine.Limits()
        change(&limits)
        return Engine(catalog: Tasks.makeCatalog(), limits: limits)
    }

    @Test func aWaitThatIsLongerThanARunIsAMistake() throws {
        let month = 30 * 86_400.0
        for (type, member) in [("wait", "seconds"), ("approval", "timeout")] {
            func flow(_ seconds: Double) -> JSON { .flow([.task("a", type, [member: .number(seconds)])]) }
            for path in ["/flow-manager", "/api/flows/validate"] {
                let answer = try post(path, flow(month + 1))
                expectProblem(answer, 422, "validation_failed", path)
                #expect(answer["errors"].each("pointer") == [.string("/flow/tasks/0/input/\(member)")])
            }
            #expect(try post("/api/flows/validate", flow(month)).status == 200)
        }
    }

    @Test func anExpiredRunIsShownAndRepeated() throws {
        let id = try #require(
            try post("/flow-manager", .chain([.task("a", "pass"), .task("b", "approval")]))["id"].stringValue)
        try application.work()
        #expect(try get("/api/executions?status=expired")["items"] == [])
        let later = engine { $0.lifetime = RunLifetime(days: 0) }
        while try later.expireRuns(on: application.connection) {}
        let run = try get("/api/executions/\(id)")
        #expect(run["status"] == "expired" && run["stopped_at"] == "b" && run["error"]["code"] == "expired")
        #expect(run["steps"].each("status") == ["success", "canceled"])
        #expect(try get("/api/executions?status=expired,failed")["items"].each("id") == [.string(id)])
        #expect(try get("/api/approvals")["items"] == [])
        for action in ["cancel", "resume"] { expectProblem(try post("/api/executions/\(id)/\(action)", [:]), 409) }
        #expect(try post("/api/executions/\(id)/fork", ["step": 1]).status == 202)
        #expect(try application.send("DELETE", "/api/executions/\(id)", token: user.token).status == 204)
    }

    @Test func whatRefersToADroppedRunStays() throws {
        try application.database.makePastMonths()
        let answer = try post("/flow-manager", .demoFlow, key: "once")
        let id = try #require(answer["execution_id"].stringValue)
        let fork = try #require(try post("/api/executions/\(id)/fork", ["step": 3])["id"].stringValue)
        try application.work()
        let old = try application.database.age(id, days: 100)
        try application.database.connect().pipeline([
            "UPDATE executions SET forked_from = \(old), parent_id = \(old), parent_step = 1 WHERE id = \(fork)",
            "UPDATE idempotency_keys SET execution_id = \(old) WHERE execution_id = \(id)",
        ])
        #expect(try get("/api/executions/\(old)").status == 200)
        var history = History.Pass()
        let old40 = engine { $0.retention = 40 }
        while try history.advance(by: old40, on: application.connection) {}
        expectProblem(try get("/api/executions/\(old)"), 404, "not_found")
        expectProblem(try post("/flow-manager", .demoFlow, key: "once"), 410, "execution_deleted")
        let left = try get("/api/executions/\(fork)")
        #expect(left["status"] == "completed" && left["forked_from"] == .string(old))
        #expect(try get("/api/executions?parent_id=\(old)")["items"].each("id") == [.string(fork)])
        #expect(try post("/api/executions/\(fork)/fork", ["step": 1]).status == 202)
        #expect(try application.send("DELETE", "/api/executions/\(fork)", token: user.token).status == 204)
    }
}
