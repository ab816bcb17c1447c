import JSON
import TestSupport
import Testing

/// The record of a run: every step with its input and output, visible to its user only.
@Suite struct ExecutionTests {
    let stack: Stack
    let user: TestUser

    init() throws {
        stack = try Stack.shared.get()
        user = try stack.makeUser()
    }

    @Test func recordsEachStepWithItsInputAndOutput() throws {
        let flow = JSON.flow(
            [
                .task("sum", "calc.addition"),
                .task("odd", "calc.division", ["arguments": [1, "{{ $.input.arguments[2] }}"]]),
                .task("keep", "data.store", ["name": "kept", "value": 7]),
            ], [.condition("sum", "odd", "end"), .condition("odd", "end", "keep")],
            input: ["arguments": [1, 2, 0]])
        let answer = try stack.post("/flow-manager", flow, token: user.token)
        let id = try #require(answer["execution_id"].stringValue)
        let execution = try stack.get("/api/executions/\(id)", token: user.token)
        #expect(execution.status == 200)
        #expect(
            execution.json.names == [
                "id", "user_id", "started_by", "started_by_key", "trigger", "flow_id", "flow_name", "status",
                "stopped_at",
                "input", "result", "error", "workflow_id", "version", "parent_id", "forked_from", "differs",
                "credits_charged", "total_credits_charged",
                "steps", "created_at", "finished_at",
            ])
        #expect(execution["id"] == .string(id))
        #expect(execution["flow_name"] == "A flow")
        #expect(execution["status"] == "completed")
        #expect(execution["input"] == ["arguments": [1, 2, 0]])
        #expect(execution["result"] == ["name": "kept", "value": 7])
        #expect(execution["error"] == .null)

        let steps = execution["steps"]
        #expect(steps.each("number") == [1, 2, 3])
        #expect(steps.each("task") == ["sum", "odd", "keep"])
        #expect(steps.each("type") == ["calc.addition", "calc.division", "data.store"])
        #expect(steps.each("status") == ["success", "failure", "success"])
        #expect(steps.each("attempts") == [1, 1, 1])
        #expect(
            steps.each("input") == [["arguments": [1, 2, 0]], ["arguments": [1, 0]], ["name": "kept", "value": 7]])
        #expect(steps.each("output") == [["result": 3], .null, ["name": "kept", "value": 7]])
        #expect(steps.each("error") == [.null, ["code": "division_by_zero", "message": "Division by zero"], .null])
        #expect(steps.each("condition") == ["after sum", "after odd", .null])
        #expect(steps.each("next") == ["odd", "keep", .null])
        let started = steps.each("started_ms").compactMap(\.doubleValue)
        #expect(started == started.sorted())
    }

    /// A value of the maximum depth is nested deeper in the record.
    @Test func recordsDeepValues() throws {
        let caller = try RunCaller(stack)
        // 64 levels with the request body around it.
        let deep = (1..<63).reduce(JSON.array([])) { value, _ in [value] }
        let answer = try caller.post("/flow-manager", .chain([.task("a", "pass")], input: deep))
        #expect(answer.status == 200 && answer["result"] == deep)
        let id = try #require(answer["execution_id"].stringValue)
        #expect(try caller.run(id)["steps"]?.each("output") == [deep])
        let tasks: [JSON] = [.task("a", "pass"), .task("w", "wait", ["seconds": 0])]
        let queued = try caller.end(caller.start(caller.keep(.chain(tasks)), deep))
        #expect(queued["status"] == "completed" && queued["steps"]?.each("output").first == deep, "\(queued.text)")
    }

    /// OWASP API1:2023: other users' runs are not found.
    @Test func otherUsersRunsAreNotFound() throws {
        let answer = try stack.post("/flow-manager", .demoFlow, token: user.token)
        let path = "/api/executions/\(try #require(answer["execution_id"].stringValue))"
        #expect(try stack.get(path, token: user.token).status == 200)
        expectProblem(try stack.get(path, token: try stack.makeUser().token), 404, "not_found")
        expectChallenge(try stack.get(path), "token_missing")
        for id in ["1", "00000000-0000-7000-8000-000000000000", "..%2f..", "%27"] {
            let missing = try stack.get("/api/executions/\(id)", token: user.token)
            #expect(missing.status == 404 || missing.status == 400, "\(id)")
        }
    }

    @Test func runsUseTheDocumentsOfTheirUser() throws {
        let other = try stack.makeUser()
        let store = JSON.flow([.task("a", "data.store", ["name": "input", "value": [1, 2, 3]])])
        #expect(try stack.post("/flow-manager", store, token: other.token).status == 200)
        let mine = try stack.post("/flow-manager", .demoFlow, token: user.token)
        #expect(mine["result"]["value"]?["sum"] == 29)
        let theirs = try stack.post("/flow-manager", .demoFlow, token: other.token)
        #expect(theirs["result"]["value"]?["sum"] == 6)
        #expect(try stack.get("/api/data", token: user.token)["items"].each("name") == ["result"])
    }

    /// Each effect has its own commit, and all of them are done before the response is sent.
    @Test func commitsEveryEffectOfALongRun() throws {
        let tasks = (0..<300).map { number in
            number % 100 == 0
                ? JSON.task("t\(number)", "data.store", ["name": .string("d\(number)"), "value": JSON(number)])
                : JSON.task("t\(number)", "pass")
        }
        let answer = try stack.post("/flow-manager", .chain(tasks), token: user.token)
        #expect(answer.status == 200)
        let id = try #require(answer["execution_id"].stringValue)
        let execution = try stack.get("/api/executions/\(id)", token: user.token)
        #expect(execution["steps"].each("number") == (1...300).map { JSON($0) })
        #expect(execution["status"] == "completed")
        #expect(try stack.get("/api/data", token: user.token)["items"].each("name") == ["d0", "d100", "d200"])
    }
}
