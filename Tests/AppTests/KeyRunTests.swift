import HTTP
import JSON
import TestSupport
import Testing

@testable import App

/// The runs that an API key has started, which it may read with the scope `run` alone.
@Suite struct KeyRunTests {
    private let application: TestApplication
    private let user: TestUser

    init() throws {
        application = try TestApplication()
        user = try application.makeUser()
    }

    private func key(_ scopes: JSON...) throws -> (id: JSON, token: String) {
        let made = try application.post(
            "/api/keys", ["name": "k", "scopes": .array(scopes)], token: user.token)
        return (made["id"], made["key"].stringValue ?? "")
    }

    private func start(_ flow: JSON, by token: String) throws -> String {
        let answer = try application.post("/flow-manager", flow, token: token, headers: [("Prefer", "wait=0")])
        return try #require(answer["execution_id"].stringValue ?? answer["id"].stringValue, "\(answer.text)")
    }

    private func list(_ target: String = "/api/executions", by token: String) throws -> [JSON] {
        let answer = try application.get(target, token: token)
        #expect(answer.status == 200, "\(answer.text)")
        return answer["items"].each("id")
    }

    @Test func aKeyReadsTheRunsThatItStarted() throws {
        let (runner, other, reader) = try (key("run"), key("run"), key("read"))
        let own = try start(.flow([.task("a", "pass", 1)]), by: user.token)
        let run = try start(.flow([.task("a", "pass", 2)]), by: runner.token)
        let record = try application.get("/api/executions/\(run)", token: runner.token)
        #expect(record.status == 200 && record["result"] == 2 && record["started_by_key"] == runner.id)
        #expect(record["started_by"] == .string(user.id) && record["user_id"] == .string(user.id))
        expectProblem(try application.get("/api/executions/\(own)", token: runner.token), 404, "not_found")
        expectProblem(try application.get("/api/executions/\(run)", token: other.token), 404, "not_found")
        #expect(try list(by: runner.token) == [.string(run)])
        #expect(try list(by: other.token) == [])
        #expect(try list(by: reader.token) == [.string(run), .string(own)])
        #expect(try list(by: user.token) == [.string(run), .string(own)])
        #expect(try application.get("/api/executions/\(own)", token: user.token)["started_by_key"] == .null)
    }

    @Test func aKeyReadsQueuedRunsAndTheRunsThatTheyStart() throws {
        let runner = try key("run")
        let workflow = try application.post("/api/workflows", .workflow("w"), token: user.token)["id"]
        let child = "/api/workflows/\(workflow.stringValue ?? "")"
        let parent = try start(.flow([.task("a", "flow.run", ["workflow": workflow])]), by: runner.token)
        let direct = try application.post("\(child)/execute", [:], token: runner.token)["id"]
        _ = try application.post("\(child)/execute", [:], token: user.token)
        try application.work()
        let seen = try list(by: runner.token)
        #expect(seen.count == 3 && seen.contains(.string(parent)) && seen.contains(direct))
        for id in seen {
            let record = try application.get("/api/executions/\(id.stringValue ?? "")", token: runner.token)
            #expect(record["status"] == "completed" && record["started_by_key"] == runner.id, "\(record.text)")
        }
        #expect(try list("\(child)/executions", by: runner.token).count == 2)
        #expect(try list("\(child)/executions", by: user.token).count == 3)
        let forked = try application.post("/api/executions/\(parent)/fork", ["step": 1], token: runner.token)["id"]
        #expect(try list(by: runner.token).first == forked)
        #expect(
            try application.post("/api/operations/addition/run", ["arguments": [1]], token: runner.token).status == 200)
        #expect(try list(by: runner.token).count == 5)
    }

    @Test func otherScopesReadNoRuns() throws {
        for scope in ["write"] as [JSON] {
            let token = try key(scope).token
            for target in ["/api/executions", "/api/executions/00000000-0000-7000-8000-000000000000"] {
                expectProblem(try application.get(target, token: token), 403, "forbidden", target)
            }
        }
        expectProblem(try application.get("/api/workflows", token: key("run").token), 403, "forbidden")
    }
}
