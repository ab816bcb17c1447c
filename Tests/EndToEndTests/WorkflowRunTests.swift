import HTTP
import JSON
import Postgres
import TestSupport
import Testing

/// Runs of stored workflows, from the call that queues them to their end in a worker.
@Suite struct WorkflowRunTests {
    let stack: Stack
    let caller: RunCaller

    init() throws {
        stack = try Stack.shared.get()
        caller = try RunCaller(stack)
    }

    @Test func workerExecutesAQueuedRun() throws {
        let workflow = try caller.keep(.demoFlow)
        let accepted = try caller.post("/api/workflows/\(workflow)/execute", ["input": ["x": 1]])
        #expect(accepted.status == 202)
        let id = try #require(accepted["id"].stringValue)
        #expect(accepted.json == ["id": .string(id), "status": "queued"])
        #expect(accepted.headers["location"] == "/api/executions/\(id)")
        let run = try caller.end(id)
        #expect(run["status"] == "completed" && run["error"] == .null && run["stopped_at"] == .null)
        #expect(run["workflow_id"] == .string(workflow) && run["version"] == 1)
        #expect(run["input"] == ["x": 1] && run["flow_id"] == "flow123")
        #expect(run["steps"]?.each("task") == ["task1", "task2", "task3"])
        #expect(run["result"]?["value"]?["sum"] == 29)
        #expect(try caller.get("/api/data/result")["value"]["sum"] == 29)
        let without = try stack.send("POST", "/api/workflows/\(workflow)/execute", token: caller.user.token)
        #expect(without.status == 202, "a body is not required: \(without.text)")
        #expect(try caller.end(without["id"].stringValue ?? "")["input"] == [:])
    }

    @Test func runUsesTheVersionItWasQueuedWith() throws {
        let workflow = try caller.keep(.workflowCall(giving: 1))
        try caller.save(workflow, .workflowCall(giving: 2))
        func result(_ body: JSON) throws -> JSON {
            let answer = try caller.post("/api/workflows/\(workflow)/execute", body)
            let run = try caller.end(answer["id"].stringValue ?? "")
            return [run["version"] ?? .null, run["result"] ?? .null]
        }
        #expect(try result([:]) == [2, 2])
        #expect(try result(["version": 1]) == [1, 1])
        for path in ["execute", "rollback"] {
            let unknown = try caller.post("/api/workflows/\(workflow)/\(path)", ["version": 3])
            expectProblem(unknown, 422, "validation_failed", path)
            #expect(pointers(unknown) == ["/version"], "\(path)")
        }

        // The workflow of a waiting run is replaced and deleted.
        let waiting = JSON.chain([.task("a", "approval"), .task("b", "pass", 1)])
        let slow = try caller.keep(waiting)
        let id = try caller.start(slow)
        _ = try caller.wait(id)
        try caller.save(slow, .chain([.task("a", "approval"), .task("b", "pass", 2)]))
        #expect(try stack.send("DELETE", "/api/workflows/\(slow)", token: caller.user.token).status == 204)
        #expect(try caller.act("signal", id).status == 202)
        let run = try caller.end(id)
        #expect(run["result"] == 1 && run["version"] == 1)
    }

    @Test func deletedWorkflowCannotRunAndItsRunsRemain() throws {
        let workflow = try caller.keep(.workflowCall(giving: 1))
        let id = try caller.start(workflow)
        _ = try caller.end(id)
        #expect(try stack.send("DELETE", "/api/workflows/\(workflow)", token: caller.user.token).status == 204)
        expectProblem(try caller.post("/api/workflows/\(workflow)/execute"), 404, "not_found")
        #expect(try caller.run(id)["result"] == 1)
        for path in ["/api/executions?workflow_id=\(workflow)", "/api/workflows/\(workflow)/executions"] {
            #expect(try caller.get(path)["items"].each("id") == [.string(id)], "\(path)")
        }
    }

    @Test func runsAreFilteredByTheirProperties() throws {
        let child = try caller.keep(.workflowCall(giving: 1))
        let parent = try caller.keep(.flow([.task("a", "flow.run", ["workflow": .string(child)])]))
        let held = try caller.keep(.flow([.task("a", "approval")]))
        let (id, waiting) = (try caller.start(parent), try caller.start(held))
        _ = try (caller.end(id), caller.wait(waiting))
        func ids(_ query: String) throws -> [JSON] {
            let page = try caller.get(query)
            #expect(page.status == 200, "\(page.text)")
            return page["items"].each("id")
        }
        let children = try ids("/api/executions?parent_id=\(id)")
        #expect(children.count == 1)
        #expect(try ids("/api/workflows/\(child)/executions") == children)
        #expect(try ids("/api/executions?workflow_id=\(parent)") == [.string(id)])
        #expect(try ids("/api/executions?workflow_id=\(held)&status=waiting") == [.string(waiting)])
        #expect(try ids("/api/executions?workflow_id=\(held)&status=completed") == [])
        #expect(try ids("/api/executions?status=completed").count == 2)
        #expect(try ids("/api/executions?limit=1&sort=created_at") == [.string(id)])
        for query in ["status=done", "workflow_id=1", "parent_id=x", "limit=-1", "limit=1e9", "cursor=x", "user=1"] {
            expectProblem(try caller.get("/api/executions?\(query)"), 400, nil, query)
        }
        #expect(try caller.act("cancel", waiting).status == 200)
    }

    /// OWASP API1:2023: workflows and runs of another user are not found, whatever the operation.
    @Test func otherUsersHaveNoAccess() throws {
        let other = try RunCaller(stack)
        let workflow = try caller.keep(.flow([.task("a", "approval")]))
        let id = try caller.start(workflow)
        _ = try caller.wait(id)
        for path in [
            "/api/workflows/\(workflow)/execute", "/api/executions/\(id)/cancel", "/api/executions/\(id)/resume",
            "/api/executions/\(id)/signal",
        ] {
            let body: JSON = path.hasSuffix("/signal") ? ["step": 1, "approved": true] : [:]
            expectProblem(try other.post(path, body), 404, "not_found", path)
            expectProblem(try other.post(path.replacingID(id, workflow), body), 404, "not_found", path)
            expectChallenge(try stack.post(path, [:]), "token_missing", path)
        }
        expectProblem(try other.act("fork", id, ["step": 1]), 404, "not_found")
        expectProblem(try other.get("/api/executions/\(id)"), 404, "not_found")
        expectProblem(try other.get("/api/workflows/\(workflow)/executions"), 404, "not_found")
        #expect(try other.get("/api/executions?workflow_id=\(workflow)")["items"] == [])
        let foreign = try other.start(keeping: .flow([.task("a", "flow.run", ["workflow": .string(workflow)])]))
        #expect(try other.end(foreign)["error"]?["code"] == "workflow_not_found")
        #expect(try caller.run(id)["status"] == "waiting")
        #expect(try caller.act("cancel", id).status == 200)
    }

    @Test func idempotencyKeyStartsOneRun() throws {
        let workflow = try caller.keep(.workflowCall(giving: 1))
        let path = "/api/workflows/\(workflow)/execute"
        let key = [("Idempotency-Key", "run")]
        let answers = try caller.atOnce(Array(repeating: (path, ["input": 1], key), count: 20))
        #expect(answers.allSatisfy { [200, 202].contains($0.status) }, "\(answers.map(\.status))")
        #expect(Set(answers.map { $0["id"] }).count == 1)
        #expect(answers.count { $0.headers["idempotency-replayed"] == nil } == 1)
        let waited = try caller.post(path, ["input": 1], headers: key + [("Prefer", "wait=20")])
        #expect(waited.status == 200 && waited["id"] == answers[0]["id"], "\(waited.text)")
        #expect(waited["status"] == "completed")
        #expect(try caller.get("/api/workflows/\(workflow)/executions")["items"].arrayValue?.count == 1)
        expectProblem(try caller.post(path, ["input": 2], headers: key), 422, "idempotency_key_reused")
        expectProblem(try caller.post(path, ["input": 1], headers: key + key), 400, "idempotency_key_invalid")
    }

    @Test func refusesInvalidMembers() throws {
        let workflow = try caller.keep(.workflowCall(giving: 1))
        for (body, pointer) in [
            (["user_id": 1], "/user_id"), (["version": 0], "/version"), (["version": "1"], "/version"),
            (["credits": 1], "/credits"),
        ] as [(JSON, String)] {
            let answer = try caller.post("/api/workflows/\(workflow)/execute", body)
            expectProblem(answer, 422, nil, body.text)
            #expect(pointers(answer) == [pointer])
        }
        #expect(try caller.get("/api/executions")["items"] == [])
    }

    @Test func guestsCanRunTheirWorkflows() throws {
        let address = "127.\(Int.random(in: 1...255)).\(Int.random(in: 0...255)).\(Int.random(in: 1...254))"
        let token = try stack.client.from(address).send("POST", "/api/guests")["token"].stringValue
        let created = try stack.post("/api/workflows", .draft(of: .workflowCall(giving: 4)), token: token)
        let path = "/api/workflows/\(created["id"].stringValue ?? "")/execute"
        let run = try stack.post(path, [:], token: token, headers: [("Prefer", "wait=30")])
        #expect([200, 202].contains(run.status), "\(run.text)")
    }

    /// An API key allows only the operations of its scopes.
    @Test func apiKeyNeedsTheScopeToRun() throws {
        let workflow = try caller.keep(.flow([.task("a", "approval")]))
        func key(_ scope: String) throws -> String {
            try caller.post("/api/keys", ["name": "k", "scopes": [.string(scope)]])["key"].stringValue ?? ""
        }
        let (run, read, write) = (try key("run"), try key("read"), try key("write"))
        for token in [read, write] {
            expectProblem(try stack.post("/api/workflows/\(workflow)/execute", [:], token: token), 403)
        }
        let queued = try stack.post("/api/workflows/\(workflow)/execute", [:], token: run)
        #expect(queued.status == 202, "\(queued.text)")
        let path = "/api/executions/\(queued["id"].stringValue ?? "")"
        _ = try caller.wait(queued["id"].stringValue ?? "")
        #expect(try stack.get(path, token: read).status == 200)
        for verb in ["signal", "cancel", "resume"] {
            expectProblem(try stack.post("\(path)/\(verb)", [:], token: read), 403, nil, verb)
        }
        #expect(try stack.post("\(path)/signal", ["step": 1, "approved": true], token: run).status == 202)
    }
}

extension JSON {
    /// A call with a flow that outputs a number.
    static func workflowCall(giving number: Int64) -> JSON { flow([.task("a", "pass", .integer(number))]) }
}

extension String {
    /// This path with these ids replaced by one that does not exist.
    fileprivate func replacingID(_ ids: String...) -> String {
        split(separator: "/").map { ids.contains(String($0)) ? "00000000-0000-7000-8000-00000000dead" : $0 }
            .map { "/\($0)" }.joined()
    }
}
