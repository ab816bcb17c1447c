import HTTP
import JSON
import Postgres
import TestSupport
import Testing

@testable import App

/// The order of a user's queued runs, and how many a workflow may have.
@Suite struct WorkflowPriorityTests {
    private let application: TestApplication
    private let user: TestUser

    init() throws {
        application = try TestApplication()
        user = try application.makeUser()
    }

    private func store(_ name: String, _ more: [String: JSON] = [:], task: JSON? = nil) throws -> String {
        var more = more
        if let task { more["flow"] = JSON.flow([task])["flow"] }
        let answer = try application.post("/api/workflows", .workflow(name, more), token: user.token)
        #expect(answer.status == 201, "\(answer.text)")
        return answer["id"].stringValue ?? ""
    }

    private func start(_ workflow: String) throws -> HTTPAnswer {
        try application.post("/api/workflows/\(workflow)/execute", [:], token: user.token)
    }

    /// The workflows of the finished runs in the order in which they ended.
    private func order() throws -> [String] {
        let connection = application.database.connect()
        return try connection.query(
            """
            SELECT v.name FROM executions e JOIN workflow_versions v ON v.workflow_id = e.workflow_id
            WHERE e.finished_at IS NOT NULL ORDER BY e.finished_at, e.id
            """
        ).map { try $0.decode(String.self) }
    }

    @Test func runsOfHigherPriorityAreExecutedFirst() throws {
        let (low, usual, high) = (
            try store("low"), try store("usual", ["priority": 4]), try store("high", ["priority": 9])
        )
        for workflow in [low, usual, low, high, usual, high] {
            #expect(try start(workflow).status == 202)
        }
        try application.work()
        #expect(try order() == ["high", "high", "usual", "usual", "low", "low"])
        let shown = try application.get("/api/workflows/\(usual)", token: user.token)
        #expect(shown["priority"] == 4 && shown["max_queued"] == .null)
        #expect(try application.get("/api/workflows/\(low)", token: user.token)["priority"] == 0)
    }

    /// What a run waits for has at least its priority.
    @Test func startedRunsInheritThePriority() throws {
        let child = try store("child")
        let parent = try store(
            "parent", ["priority": 9], task: .task("a", "flow.run", ["workflow": .string(child)]))
        let usual = try store("usual", ["priority": 5])
        #expect(try start(parent).status == 202)
        for _ in 0..<3 { #expect(try start(usual).status == 202) }
        try application.work()
        #expect(try order() == ["child", "parent", "usual", "usual", "usual"])
    }

    @Test func noMoreRunsWaitThanTheWorkflowPermits() throws {
        let workflow = try store("w", ["max_queued": 2])
        #expect(try start(workflow).status == 202)
        #expect(try start(workflow).status == 202)
        let refused = try start(workflow)
        expectProblem(refused, 429, "too_many_runs")
        #expect(refused.headers["retry-after"] == "60")
        #expect(try start(try store("other")).status == 202, "other workflows are not concerned")
        try application.work()
        #expect(try start(workflow).status == 202)
        // A step that starts too many runs of it fails, and starts none.
        let map = JSON.task("m", "map", ["workflow": .string(workflow), "items": [1, 2, 3]])
        let parent = try store("parent", task: map)
        let run = try start(parent)["id"].stringValue ?? ""
        try application.work()
        let record = try application.get("/api/executions/\(run)", token: user.token)
        #expect(record["status"] == "failed" && record["error"]["code"] == "too_many_runs", "\(record.text)")
    }

    @Test(arguments: [("priority", -1), ("priority", 10), ("max_queued", 0), ("max_queued", 10_001)])
    func valuesAreBounded(member: String, value: Int64) throws {
        let draft = JSON.workflow("w", [member: .integer(value)])
        let refused = try application.post("/api/workflows", draft, token: user.token)
        expectProblem(refused, 422, "validation_failed")
        #expect(pointers(refused) == ["/\(member)"])
    }

    /// A change of them is no new version; a rollback and an export keep them.
    @Test func theyBelongToNoVersion() throws {
        let path = "/api/workflows/\(try store("w", ["priority": 2, "max_queued": 7]))"
        let read = try application.get(path, token: user.token)
        let draft = JSON.workflow("w", ["priority": 3, "max_queued": 8])
        let first = try application.send("PUT", path, draft, token: user.token)
        #expect(first["version"] == 1 && first["priority"] == 3 && first["max_queued"] == 8, "\(first.text)")
        let changed = try application.send(
            "PUT", path, JSON.workflow("w", ["priority": 4, "max_queued": 8]), token: user.token)
        #expect(changed["version"] == 1 && changed["priority"] == 4)
        #expect(changed.headers["etag"] != read.headers["etag"])
        let second = try application.send("PUT", path, .workflow("w", giving: 2), token: user.token)
        #expect(second["version"] == 2 && second["priority"] == 0 && second["max_queued"] == .null)
        _ = try application.send(
            "PUT", path, .workflow("w", giving: 2, ["priority": 4, "max_queued": 8]), token: user.token)
        let restored = try application.post("\(path)/rollback", ["version": 1], token: user.token)
        #expect(restored["version"] == 3 && restored["priority"] == 4 && restored["max_queued"] == 8)
        let exported = try application.get("\(path)/export", token: user.token)
        #expect(exported["priority"] == 4 && exported["max_queued"] == 8)
        let imported = try application.post("/api/workflows/import", exported.json, token: user.token)
        #expect(imported["priority"] == 4 && imported["max_queued"] == 8)
    }
}
