import JSON
import TestSupport
import Testing

/// The response to a run: the shape in the example, and how each kind of end is reported.
@Suite struct FlowAnswerTests {
    let stack: Stack
    let user: TestUser

    init() throws {
        stack = try Stack.shared.get()
        user = try stack.makeUser()
    }

    private func run(_ flow: JSON) throws -> HTTPAnswer { try stack.post("/flow-manager", flow, token: user.token) }

    @Test func exampleFlowReturnsTheDocumentedResponse() throws {
        let answer = try run(.demoFlow)
        #expect(answer.status == 200)
        #expect(
            answer.json.names == [
                "message", "execution_id", "id", "flow_id", "flow_name", "status", "stopped_at", "result", "error",
                "credits_charged", "total_credits_charged", "duration_ms", "created_at", "finished_at",
                "executed_tasks",
            ])
        #expect(answer["message"] == "Task completed successfully!")
        #expect(answer["flow_id"] == "flow123")
        #expect(answer["flow_name"] == "Data processing flow")
        #expect(answer["status"] == "completed")
        #expect(answer["stopped_at"] == .null)
        #expect((answer["duration_ms"].doubleValue ?? 0) > 0)

        let table: JSON = ["rows": [["value": 3], ["value": 5], ["value": 8], ["value": 13]]]
        let statistics: JSON = ["count": 4, "sum": 29, "min": 3, "max": 13, "mean": 7.25]
        let result: JSON = ["name": "result", "value": statistics]
        #expect(answer["result"] == result)
        let tasks = try #require(answer["executed_tasks"].arrayValue)
        let expected: [(name: String, type: String, data: JSON, condition: JSON, next: JSON)] = [
            ("task1", "data.fetch", table, "condition_task1_result", "task2"),
            ("task2", "data.process", statistics, "condition_task2_result", "task3"),
            ("task3", "data.store", result, .null, .null),
        ]
        try #require(tasks.count == expected.count)
        for (task, step) in zip(tasks, expected) {
            var object = try #require(task.objectValue)
            #expect((object["duration_ms"]?.doubleValue ?? -1) >= 0)
            for name in ["duration_ms", "started_at", "finished_at", "number"] { object[name] = nil }
            #expect(
                .object(object) == [
                    "task_name": .string(step.name), "task": .string(step.name), "type": .string(step.type),
                    "status": "success", "attempt": 1, "attempts": 1, "data": step.data, "output": step.data,
                    "error": .null, "condition": step.condition, "next": step.next, "cost": 0,
                ] as JSON)
        }
    }

    struct Ending: Sendable, CustomTestStringConvertible {
        /// The type of the last task, and the targets of its condition after success and failure; nil: no condition.
        let type: String
        let targets: (success: String, failure: String)?
        var outcome = "success"
        let status: String
        let code: Int

        var testDescription: String { "\(type) \(targets.map { "\($0) \(outcome)" } ?? "")" }
    }

    @Test(arguments: [
        Ending(type: "pass", targets: nil, status: "completed", code: 200),
        Ending(type: "pass", targets: ("end", "END_FAILED"), status: "completed", code: 200),
        Ending(type: "pass", targets: ("END", "END_FAILED"), status: "completed", code: 200),
        Ending(type: "pass", targets: ("END_SUCCESS", "END_FAILED"), status: "completed", code: 200),
        Ending(type: "pass", targets: ("END_FAILED", "END_SUCCESS"), status: "failed", code: 422),
        Ending(
            type: "pass", targets: ("END_SUCCESS", "END_FAILED"), outcome: "failure", status: "failed", code: 422),
        Ending(type: "fail", targets: nil, status: "failed", code: 422),
        Ending(type: "fail", targets: ("END_FAILED", "end"), status: "ended_early", code: 200),
        Ending(type: "fail", targets: ("END_FAILED", "END"), status: "ended_early", code: 200),
        Ending(type: "fail", targets: ("END_FAILED", "END_SUCCESS"), status: "completed", code: 200),
        Ending(type: "fail", targets: ("END_SUCCESS", "END_FAILED"), status: "failed", code: 422),
        Ending(
            type: "fail", targets: ("END_SUCCESS", "END_FAILED"), outcome: "failure", status: "completed",
            code: 200),
    ])
    func lastConditionDecidesTheStatus(ending: Ending) throws {
        let conditions = ending.targets.map {
            [JSON.condition("last", $0.success, $0.failure, outcome: ending.outcome)]
        }
        let answer = try run(.flow([.task("last", ending.type, ["message": "No more"])], conditions ?? []))
        #expect(answer.status == ending.code)
        #expect(answer["status"] == .string(ending.status))
        let (message, stoppedAt): (JSON, JSON) =
            switch ending.status {
            case "completed": ("Task completed successfully!", .null)
            case "failed": ("Flow failed at last", "last")
            default: ("Flow ended early at last", "last")
            }
        #expect(answer["message"] == message)
        #expect(answer["stopped_at"] == stoppedAt)
        let step = try #require(answer["executed_tasks"].arrayValue?.first)
        let hasFailed = ending.type == "fail"
        #expect(step["status"] == (hasFailed ? "failure" : "success"))
        #expect(step["error"] == (hasFailed ? ["code": "failed", "message": "No more"] : .null))
        #expect(step["data"] == (hasFailed ? .null : ["message": "No more"]))

        let id = try #require(answer["execution_id"].stringValue)
        let recorded = try stack.get("/api/executions/\(id)", token: user.token)
        for name in ["status", "stopped_at", "result"] { #expect(recorded[name] == answer[name], "\(name)") }
        #expect(recorded["error"] == step["error"])
    }

    @Test func conditionContinuesAfterAFailure() throws {
        let tasks: [JSON] = [.task("a", "fail"), .task("b", "pass", ["from": "b"]), .task("c", "pass", ["from": "c"])]
        let answer = try run(.flow(tasks, [.condition("a", "b", "c")]))
        #expect(answer.status == 200)
        #expect(answer["status"] == "completed")
        #expect(answer["executed_tasks"].each("task_name") == ["a", "c"])
        #expect(answer["executed_tasks"].each("next") == ["c", .null])
        #expect(answer["result"] == ["from": "c"])
    }

    @Test func tasksGetThePreviousOutputUnlessTheyHaveAnInput() throws {
        let answer = try run(
            .chain(
                [
                    .task("first", "pass"), .task("sum", "calc.addition"), .task("statistics", "data.process"),
                    .task("root", "calc.square_root", ["arguments": [144]]),
                    .task("quotient", "calc.division", ["arguments": [1, 8]]),
                    .task("word", "random.string", ["length": 12]),
                ], input: ["arguments": [9_007_199_254_740_993, 2]]))
        #expect(answer.status == 200)
        let data = answer["executed_tasks"].each("data")
        try #require(data.count == 6)
        #expect(data[0] == ["arguments": [9_007_199_254_740_993, 2]])
        #expect(data[1] == ["result": 9_007_199_254_740_995])
        #expect(data[2]["sum"] == 9_007_199_254_740_995)
        #expect(data[3] == ["result": 12])
        #expect(data[4] == ["result": 0.125])
        #expect(data[5]["result"]?.stringValue?.utf8.count == 12)
    }

    /// Errors that only show when the task runs fail its step, not the request.
    @Test func invalidInputFailsTheStep() throws {
        let cases: [(type: String, input: JSON, code: String)] = [
            ("calc.division", ["arguments": [1, 0]], "division_by_zero"),
            ("calc.square_root", ["arguments": [-1]], "negative_number"),
            ("calc.multiplication", ["arguments": [1e300, 1e300]], "out_of_range"),
            ("calc.addition", "text", "invalid_input"), ("data.fetch", ["name": "nothing"], "not_found"),
            ("data.store", ["name": "", "value": 1], "invalid_input"),
            ("data.store", ["name": .string(String(repeating: "n", count: 201)), "value": 1], "invalid_input"),
        ]
        for (type, input, code) in cases {
            let answer = try run(.chain([.task("a", "pass"), .task("b", type)], input: input))
            #expect(answer.status == 422, "\(answer.text)")
            #expect(answer["status"] == "failed")
            #expect(answer["executed_tasks"].arrayValue?.last?["error"]?["code"] == .string(code))
        }
        #expect(try stack.get("/api/data", token: user.token)["items"] == [])
    }
}
