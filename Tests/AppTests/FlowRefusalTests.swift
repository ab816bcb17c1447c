import JSON
import TestSupport
import Testing

/// Flows that are refused before their first step, and the reported errors.
@Suite struct FlowRefusalTests {
    let application: TestApplication
    let user: TestUser

    init() throws {
        application = try TestApplication()
        user = try application.makeUser()
    }

    /// Checks that both endpoints refuse the flow with the same errors and that it is not executed.
    private func expectRefusal(
        _ flow: JSON, at expected: [String], hints: [String: String] = [:],
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        for path in ["/flow-manager", "/api/flows/validate"] {
            let answer = try application.post(path, flow, token: user.token)
            expectProblem(answer, 422, "validation_failed", path, sourceLocation: sourceLocation)
            #expect(pointers(answer).sorted() == expected.sorted(), "\(path)", sourceLocation: sourceLocation)
            for problem in answer["errors"].arrayValue ?? [] {
                guard let hint = hints[problem["pointer"]?.stringValue ?? ""] else { continue }
                #expect(problem["hint"] == .string(hint), sourceLocation: sourceLocation)
            }
        }
        #expect(
            try application.get("/api/executions", token: user.token)["items"] == [], sourceLocation: sourceLocation)
    }

    @Test func suggestsTheNearestTaskTypeAndTaskName() throws {
        try expectRefusal(
            .flow(
                [.task("a", "calc.additon"), .task("task22"), .task("c", "nothing.like.it")],
                [.condition("a", "task23", "end")]),
            at: [
                "/flow/tasks/0/type", "/flow/tasks/1/name", "/flow/tasks/2/type",
                "/flow/conditions/0/target_task_success",
            ],
            hints: [
                "/flow/tasks/0/type": "did you mean 'calc.addition'?", "/flow/tasks/1/name": "did you mean 'task2'?",
                "/flow/conditions/0/target_task_success": "did you mean 'task22'?",
            ])
    }

    @Test func refusesCyclesAndAnUnknownStartTask() throws {
        let pass = ["a", "b", "c"].map { JSON.task($0, "pass") }
        try expectRefusal(
            .flow(pass, [.condition("a", "b", "end"), .condition("b", "c", "end"), .condition("c", "end", "b")]),
            at: ["/flow/tasks/1"])
        try expectRefusal(.flow(pass, [.condition("a", "a", "end")]), at: ["/flow/tasks/0"])
        var flow = try #require(JSON.flow(pass).objectValue?["flow"]?.objectValue)
        flow["start_task"] = "aa"
        try expectRefusal(["flow": .object(flow)], at: ["/flow/start_task"])
    }

    /// Fields that have a meaning in other workflow systems must not be ignored silently.
    @Test(arguments: ["if", "secret"])
    func refusesUnknownFieldsByName(field: String) throws {
        var task = try #require(JSON.task("a", "pass").objectValue)
        task[field] = 1
        var condition = try #require(JSON.condition("a", "end", "end").objectValue)
        condition[field] = "$.x"
        try expectRefusal(
            .flow([.object(task)], [.object(condition)]), at: ["/flow/tasks/0/\(field)", "/flow/conditions/0/\(field)"])
        var call = try #require(JSON.demoFlow.objectValue)
        call[field] = true
        expectProblem(try application.post("/flow-manager", .object(call), token: user.token), 422, "validation_failed")
    }

    @Test func reportsAllErrorsAtOnce() throws {
        try expectRefusal(
            [
                "flow": [
                    "id": 7, "name": "", "start_task": "nowhere",
                    "tasks": [
                        ["name": "a", "type": "pass"], ["name": "a", "type": "pass"], ["name": "end", "type": "pass"],
                        ["type": "pass"],
                        ["name": "b", "type": "calc.division", "input": ["arguments": [1]]],
                        ["name": "c", "type": "pass", "input": ["deep": ["{{ input }}"]]],
                    ],
                    "conditions": [
                        ["name": "x", "source_task": "z", "target_task_success": "a"],
                        [
                            "name": "y", "source_task": "a", "outcome": "maybe", "target_task_success": "end",
                            "target_task_failure": "END_WELL",
                        ],
                    ],
                ]
            ],
            at: [
                "/flow/id", "/flow/name", "/flow/start_task", "/flow/tasks/1/name", "/flow/tasks/2/name",
                "/flow/tasks/3/name",
                "/flow/tasks/4/input/arguments", "/flow/tasks/5/input/deep/0", "/flow/conditions/0/source_task",
                "/flow/conditions/0/target_task_failure", "/flow/conditions/1/outcome",
                "/flow/conditions/1/target_task_failure",
            ])
    }

    @Test func acceptsAtMostAThousandTasks() throws {
        let tasks = (0..<1_001).map { JSON.task("t\($0)", "pass") }
        let answer = try application.post("/flow-manager", .chain(Array(tasks.dropLast())), token: user.token)
        #expect(answer.status == 200)
        #expect(answer["executed_tasks"].arrayValue?.count == 1_000)
        let refused = try application.post("/flow-manager", .chain(tasks), token: user.token)
        expectProblem(refused, 422, "validation_failed")
        #expect(pointers(refused) == ["/flow/tasks"])
    }

    @Test func storesTextThatResemblesExpressionsVerbatim() throws {
        let texts = [
            "$.tasks.a.output", "${7*7}", "#{7*7}", "<%= 7*7 %>", "'; DROP TABLE users; --", "{ {$.x} }", "%s%n",
            "\\u0000",
        ]
        let value = JSON.array(texts.map(JSON.string))
        let answer = try application.post(
            "/flow-manager", .flow([.task("a", "data.store", ["name": "texts", "value": value])]), token: user.token)
        #expect(answer.status == 200)
        #expect(answer["result"]["value"] == value)
        #expect(try application.get("/api/data/texts", token: user.token)["value"] == value)
    }

    @Test func validatesWithoutRunning() throws {
        let tasks: [JSON] = [
            .task("a", "data.store", ["name": "x", "value": 1]), .task("b", "pass"), .task("c", "pass"),
        ]
        let flow = JSON.flow(tasks, [.condition("a", "b", "end"), .condition("a", "c", "end")])
        let answer = try application.post("/api/flows/validate", flow, token: user.token)
        #expect(answer.status == 200)
        #expect(answer["valid"] == true)
        #expect(answer["task_count"] == 3)
        #expect(answer["warnings"].each("pointer") == ["/flow/conditions/1", "/flow/tasks/2"])
        #expect(try application.get("/api/data/x", token: user.token).status == 404)
        #expect(try application.get("/api/executions", token: user.token)["items"] == [])

        let demo = try application.post("/api/flows/validate", .demoFlow, token: user.token)
        #expect(
            demo.json == ["valid": true, "task_count": 3, "max_cost": 0, "unbounded_because": nil, "warnings": []])
    }

    @Test func listsTheAvailableTaskTypes() throws {
        let answer = try application.get("/api/task-types")
        #expect(answer.status == 200)
        #expect(answer["next_cursor"] == .null)
        let types = answer["items"].each("type").compactMap(\.stringValue)
        #expect(
            Set(types).isSuperset(of: [
                "pass", "fail", "calc.addition", "random.array", "data.fetch", "data.process", "data.store",
            ]))
        for item in answer["items"].arrayValue ?? [] {
            #expect(
                item.names == ["type", "summary", "effect", "cost", "active", "takes_credential", "input", "output"])
            let waiting: Set<JSON?> = ["wait", "approval", "flow.run", "map", "parallel"]
            let others: [JSON?: JSON] = [
                "data.store": "transactional", "posts.create": "transactional", "posts.update": "transactional",
                "http.request": "external", "exec": "external",
            ]
            let effect = waiting.contains(item["type"]) ? "waiting" : others[item["type"]] ?? "pure"
            #expect(item["effect"] == effect)
        }
    }
}
