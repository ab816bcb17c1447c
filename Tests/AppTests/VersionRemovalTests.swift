import Crypto
import Flows
import HTTP
import JSON
import Postgres
import TestSupport
import Testing

@testable import App

/// A version of a workflow is removed at the moment at which a run of it starts: one of the two calls is refused, and
/// no run that was accepted lacks its flow.
@Suite struct VersionRemovalTests {
    private let application: TestApplication
    private let user: TestUser
    /// The workflow has the versions 1 and 2.
    private let path: String
    private let workflowID: String

    init() throws {
        application = try TestApplication()
        user = try application.makeUser()
        let made = try application.post("/api/workflows", .workflow("a"), token: user.token)
        path = try #require(made.headers["location"])
        workflowID = try #require(made["id"].stringValue)
        #expect(try application.send("PUT", path, .workflow("b"), token: user.token).status == 200)
    }

    /// A call over a connection of its own.
    private func call(_ method: String, _ target: String, _ body: JSON? = nil) -> @Sendable () throws -> HTTPAnswer {
        let headers = [("Content-Type", "application/json"), application.bearer(user.token)]
        let product = Application(services: application.services, clock: { [clock = application.clock] in clock.now })
        let database = application.database
        return {
            let reply = product.reply(
                to: Request(method, target, headers),
                readingBody: { policy throws(Rejection) in try policy.body(from: body?.serialized() ?? []) },
                over: database.connectAsApplication())
            return HTTPAnswer(reply.initial)
        }
    }

    private func heldRemoval(_ statements: [SQL]) throws -> HeldRows {
        try HeldRows(in: application.database) { try $0.pipeline(statements) }
    }

    /// The queued run of a version, which is not committed yet.
    private func heldRun(of version: Int) throws -> HeldRows {
        let engine = application.services.engine
        return try HeldRows(in: application.database) { connection in
            let stored = try #require(
                try StoredFlow.find(workflowID, of: user.id, version: version, on: connection))
            let run = Execution(
                id: UUIDv7.make(), userID: user.id, source: stored.source, flow: stored.flow, input: 1)
            try engine.enqueue(run, try engine.plan(stored.flow, for: user.id, on: connection), on: connection)
        }
    }

    private func expectNoRuns() throws {
        for table: SQL in ["executions", "queue"] {
            #expect(try application.count("SELECT count(*) FROM \(table) WHERE workflow_id IS NOT NULL") == 0)
        }
    }

    @Test func aRunThatIsQueuedDuringTheRemovalIsRefused() throws {
        let version = try heldRemoval(
            RunRemoval.removing(version: 1, of: workflowID, ownedBy: user.id, counting: .unlimited))
        let body: JSON = ["version": 1]
        let executed = try version.commit(whileWaiting: call("POST", "\(path)/execute", body))
        expectProblem(executed, 422, "validation_failed")
        #expect(pointers(executed) == ["/version"])
        let workflow = try heldRemoval(
            ["UPDATE workflows SET deleted_at = now() WHERE id = \(workflowID)"]
                + RunRemoval.removingVersions(of: workflowID, ownedBy: user.id, counting: .unlimited))
        expectProblem(try workflow.commit(whileWaiting: call("POST", "\(path)/execute", [:])), 404, "not_found")
        try expectNoRuns()
    }

    @Test func aVersionStaysIfARunOfItIsQueuedDuringTheRemoval() throws {
        let answer = try heldRun(of: 1).commit(whileWaiting: call("DELETE", "\(path)/versions/1"))
        expectProblem(answer, 409, "version_in_use")
        let deleted = try heldRun(of: 2).commit(whileWaiting: call("DELETE", path))
        #expect(deleted.status == 204)
        try application.work()
        let runs = try application.get("/api/executions", token: user.token)["items"]
        #expect(runs.each("status") == ["completed", "completed"])
        for id in runs.each("id").compactMap(\.stringValue) {
            #expect(try application.send("DELETE", "/api/executions/\(id)", token: user.token).status == 204)
        }
        #expect(try application.count("SELECT count(*) FROM workflow_versions") == 0)
    }

    /// The last run of a deleted workflow is deleted while a fork of it is queued.
    @Test func aForkKeepsItsVersion() throws {
        let run = try application.post("\(path)/execute", ["version": 1], token: user.token)
        let id = try #require(run["id"].stringValue)
        try application.work()
        #expect(try application.send("DELETE", path, token: user.token).status == 204)
        let engine = application.services.engine
        let fork = try HeldRows(in: application.database) { connection in
            let former = try #require(try Execution.find(id, of: user.id, on: connection))
            #expect(
                try engine.fork(former.execution, from: 1, input: 2, version: nil, on: connection) != nil)
        }
        #expect(try fork.commit(whileWaiting: call("DELETE", "/api/executions/\(id)")).status == 204)
        try application.work()
        let runs = try application.get("/api/executions", token: user.token)["items"]
        #expect(runs.each("status") == ["completed"] && runs.each("version") == [1])
    }

    /// A step that starts runs fails in the way as if the version had not been there.
    @Test(arguments: ["flow.run", "map"])
    func aStepDoesNotStartRunsOfARemovedVersion(type: String) throws {
        var input = JSONObject([.init(name: "workflow", value: .string(workflowID)), .init(name: "version", value: 1)])
        if type == "map" { input["items"] = [1, 2] }
        let parent = try application.post(
            "/flow-manager", .flow([.task("a", type, .object(input))]), token: user.token,
            headers: [("Prefer", "wait=0")])
        let id = try #require(parent["id"].stringValue, "\(parent.text)")
        let removal = try heldRemoval(
            RunRemoval.removing(version: 1, of: workflowID, ownedBy: user.id, counting: .unlimited))
        let (engine, database) = (application.services.engine, application.database)
        try removal.commit {
            let connection = database.connectAsApplication()
            while let claim = try engine.claim(on: connection) {
                _ = try engine.execute(claim, on: connection, Cancellation())
            }
        }
        let run = try application.get("/api/executions/\(id)", token: user.token)
        #expect(run["status"] == "failed")
        #expect(run["steps"].each("error").first?["code"] == "workflow_not_found", "\(run.text)")
        try expectNoRuns()
    }
}
