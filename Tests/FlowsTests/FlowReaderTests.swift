import JSON
import Testing

@testable import Flows

@Suite struct FlowReaderTests {
    /// Three tasks in a row, valid without warnings.
    private static let flow = FlowText.flow(
        start: "first", ["first": "pass", "second": "sum", "third": "keep"],
        [
            FlowText.condition("c1", after: "first", success: "second"),
            FlowText.condition("c2", after: "second", success: "third", failure: "END_FAILED"),
        ])

    private func read(_ flow: JSON) -> (flow: Flow?, problems: Violations, warnings: Violations) {
        var reader = FlowReader(catalog: .plain)
        let result = reader.read(flow)
        #expect((result == nil) == !reader.problems.isEmpty)
        return (result, reader.problems, reader.warnings)
    }

    @Test func acceptsTheDocumentedExample() throws {
        let text = """
            {"id": "flow123", "name": "Data processing flow", "start_task": "task1",
              "tasks": [
                {"name": "task1", "description": "Fetch data"},
                {"name": "task2", "description": "Process data"},
                {"name": "task3", "description": "Store data"}],
              "conditions": [
                {"name": "condition_task1_result", "description": "If task1 succeeds, go on to task2, otherwise end.",
                 "source_task": "task1", "outcome": "success",
                 "target_task_success": "task2", "target_task_failure": "end"},
                {"name": "condition_task2_result", "description": "If task2 succeeds, go on to task3, otherwise end.",
                 "source_task": "task2", "outcome": "success",
                 "target_task_success": "task3", "target_task_failure": "end"}]}
            """
        let definition = try JSON(parsing: Array(text.utf8))
        let (flow, problems, warnings) = read(definition)
        #expect(problems == [])
        #expect(warnings == [])
        #expect(flow?.id == "flow123")
        #expect(flow?.name == "Data processing flow")
        #expect(flow?.taskCount == 3)
        #expect(flow?.definition == definition)
    }

    @Test(arguments: [
        flow, FlowText.flow(start: "a", ["a": "pass"]),
        FlowText.flow(start: "a", ["a": "pass"]).replacing(["conditions"], with: nil),
        flow.replacing(["description"], with: "What it does"),
        flow.replacing(["conditions", "0", "target_task_failure"], with: "END"),
        flow.replacing(["conditions", "1", "target_task_failure"], with: "END_SUCCESS"),
        flow.replacing(["conditions", "0", "outcome"], with: "failure"),
        flow.replacing(["tasks", "1", "input"], with: ["numbers": [1, 2.5]]),
        flow.replacing(["tasks", "0", "input"], with: nil),
        flow.replacing(["tasks", "0", "input"], with: "{ {x} }"),
        FlowText.chain(Array(repeating: "pass", count: 1_000)),
    ])
    func acceptsValidFlows(flow: JSON) {
        let (_, problems, warnings) = read(flow)
        #expect(problems == [])
        #expect(warnings == [])
    }

    /// One change of the valid flow, and the problem that it causes.
    private static let changes: [(String, JSON?, Violation)] = [
        ("id", nil, Violation(pointer: "/flow/id", message: "is required")),
        ("name", 5, Violation(pointer: "/flow/name", message: "must be a string")),
        ("name", "", Violation(pointer: "/flow/name", message: "must not be empty")),
        (
            "start_task", "frist",
            Violation(
                pointer: "/flow/start_task", message: "no task 'frist' in this flow", hint: "did you mean 'first'?")
        ),
        ("start_task", "end", Violation(pointer: "/flow/start_task", message: "no task 'end' in this flow")),
        ("start_task", nil, Violation(pointer: "/flow/start_task", message: "is required")),
        ("loops", 3, Violation(pointer: "/flow/loops", message: "is not a known field")),
        ("a/b", 3, Violation(pointer: "/flow/a", message: "is not a known field")),
        (
            "tasks/3", ["name": "third", "type": "pass"],
            Violation(pointer: "/flow/tasks/3/name", message: "another task has this name")
        ),
        (
            "tasks/3", ["name": "END", "type": "pass"],
            Violation(pointer: "/flow/tasks/3/name", message: "'END' is reserved")
        ),
        (
            "tasks/3", ["name": "END_FAILED", "type": "pass"],
            Violation(pointer: "/flow/tasks/3/name", message: "'END_FAILED' is reserved")
        ),
        ("tasks/3", ["type": "pass"], Violation(pointer: "/flow/tasks/3/name", message: "is required")),
        (
            "tasks/0/type", "data.proces",
            Violation(
                pointer: "/flow/tasks/0/type", message: "no task type 'data.proces'",
                hint: "did you mean 'data.process'?")
        ),
        (
            "tasks/0/type", "http.request",
            Violation(pointer: "/flow/tasks/0/type", message: "no task type 'http.request'")
        ),
        (
            "tasks/0/type", nil,
            Violation(pointer: "/flow/tasks/0/name", message: "needs a 'type': there is no task type 'first'")
        ),
        ("tasks/0/type", 5, Violation(pointer: "/flow/tasks/0/type", message: "must be a string")),
        ("tasks/0/type", .null, Violation(pointer: "/flow/tasks/0/type", message: "must be a string")),
        (
            "tasks/0/typ", "x",
            Violation(pointer: "/flow/tasks/0/typ", message: "is not a known field")
        ),
        ("tasks/0/timeout", 0, Violation(pointer: "/flow/tasks/0/timeout", message: "must be at least 0.001")),
        (
            "tasks/0/timeout", 1e39,
            Violation(pointer: "/flow/tasks/0/timeout", message: "must be at most 31536000.0")
        ),
        ("tasks/0/max_visits", 0, Violation(pointer: "/flow/tasks/0/max_visits", message: "must be at least 1")),
        ("tasks/0/colour", "c", Violation(pointer: "/flow/tasks/0/colour", message: "is not a known field")),
        (
            "tasks/0/credential", "c",
            Violation(pointer: "/flow/tasks/0/credential", message: "the task type 'pass' takes no credential")
        ),
        (
            "conditions/0/when", "$.tasks[?@.x >]",
            Violation(
                pointer: "/flow/conditions/0/when",
                message: "is not a JSONPath query: line 1, column 15: expected a query, a literal or a function")
        ),
        (
            "conditions/0/when", "$.tasks.thrid.output",
            Violation(
                pointer: "/flow/conditions/0/when", message: "no task 'thrid' in this flow",
                hint: "did you mean 'third'?")
        ),
        (
            "conditions/0/when", "$.input[?@ == $.tasks.second.output]",
            Violation(
                pointer: "/flow/conditions/0/when", message: "the task 'second' cannot have run before this")
        ),
        (
            "tasks/1/input", ["numbers": [1, "2"]],
            Violation(pointer: "/flow/tasks/1/input/numbers/1", message: "must be a number")
        ),
        ("tasks/1/input", .null, Violation(pointer: "/flow/tasks/1/input", message: "must be an object")),
        (
            "tasks/1/input", ["numbers": [], "number": 1],
            Violation(pointer: "/flow/tasks/1/input/number", message: "is not a known field")
        ),
        (
            "tasks/0/input", ["a/b": ["x", "{{ $.input }"]],
            Violation(
                pointer: "/flow/tasks/0/input/a~1b/1",
                message: "is not a template: line 1, column 12: expected '.', '[' or '}}'")
        ),
        (
            "tasks/0/input", "before {{x}} after",
            Violation(
                pointer: "/flow/tasks/0/input",
                message: "is not a template: line 1, column 10: a query begins with '$'")
        ),
        (
            "tasks/0/input", "{{ $.tasks.frist.output }}",
            Violation(
                pointer: "/flow/tasks/0/input", message: "no task 'frist' in this flow", hint: "did you mean 'first'?"
            )
        ),
        (
            "tasks/0/input", ["{{ $.tasks.first.output }}"],
            Violation(pointer: "/flow/tasks/0/input/0", message: "the task 'first' cannot have run before this")
        ),
        (
            "tasks/1/input", ["numbers": ["{{ $.input }}", "x"]],
            Violation(pointer: "/flow/tasks/1/input/numbers/1", message: "must be a number")
        ),
        (
            "conditions/0/outcome", "sucess",
            Violation(
                pointer: "/flow/conditions/0/outcome", message: "must be one of 'success', 'failure'",
                hint: "did you mean 'success'?")
        ),
        (
            "conditions/0/source_task", "firts",
            Violation(
                pointer: "/flow/conditions/0/source_task", message: "no task 'firts' in this flow",
                hint: "did you mean 'first'?")
        ),
        (
            "conditions/0/source_task", "end",
            Violation(pointer: "/flow/conditions/0/source_task", message: "no task 'end' in this flow")
        ),
        (
            "conditions/0/target_task_success", "nowhere",
            Violation(pointer: "/flow/conditions/0/target_task_success", message: "no task 'nowhere' in this flow")
        ),
        (
            "conditions/1/target_task_failure", "End",
            Violation(
                pointer: "/flow/conditions/1/target_task_failure", message: "no task 'End' in this flow",
                hint: "did you mean 'end'?")
        ),
        (
            "conditions/1/target_task_failure", nil,
            Violation(pointer: "/flow/conditions/1/target_task_failure", message: "is required")
        ),
        ("conditions/0/name", nil, Violation(pointer: "/flow/conditions/0/name", message: "is required")),
        ("conditions", 5, Violation(pointer: "/flow/conditions", message: "must be an array")),
    ]

    @Test(arguments: changes) func refusesInvalidFlows(location: String, value: JSON?, problem: Violation) {
        let path = location.split(separator: "/").map(String.init)
        #expect(read(Self.flow.replacing(path, with: value)).problems == [problem])
    }

    @Test func reportsAllProblemsAtOnce() {
        let flow: JSON = [
            "name": 1, "start_task": "x", "when": true,
            "tasks": [
                ["name": "a", "type": "nothing", "input": "{{x}}"],
                ["name": "a", "type": "sum", "input": ["numbers": 1]],
                ["name": "end", "type": "pass"], ["name": "b", "type": "pass", "retry": 3], 7,
            ],
            "conditions": [
                ["name": "c", "source_task": "b", "target_task_success": "b", "target_task_failure": "y"],
                ["name": "d", "source_task": "b", "target_task_success": "b", "target_task_failure": "end"], [],
            ],
        ]
        #expect(
            Set(read(flow).problems.map(\.pointer)) == [
                "/flow/id", "/flow/name", "/flow/start_task", "/flow/when", "/flow/tasks/0/type", "/flow/tasks/0/input",
                "/flow/tasks/1/name", "/flow/tasks/1/input/numbers", "/flow/tasks/2/name", "/flow/tasks/3/retry",
                "/flow/tasks/4", "/flow/conditions/0/target_task_failure", "/flow/tasks/3", "/flow/conditions/2",
            ])
    }

    @Test func pointersBeginWithThePrefix() {
        var reader = FlowReader(catalog: .plain, prefix: "")
        #expect(reader.read(Self.flow.replacing(["id"], with: nil)) == nil)
        #expect(reader.problems.map(\.pointer) == ["/id"])
    }

    @Test(arguments: [nil, true, 5, 1.5, "flow", [], [[]], [:]] as [JSON])
    func refusesValuesThatAreNoFlow(value: JSON) {
        #expect(read(value).flow == nil)
    }

    /// With any value in place of any other, the flow is read or refused, and the problems point into the flow.
    @Test func readsOrRefusesAnyValueAnywhere() {
        let replacements: [JSON] = [
            nil, true, 0, -1, 1.5, .unsigned(.max), .integer(.min), 1e39, -1e308, "", "first", "end", "x\u{0}y", [],
            [[]], [:], ["name": [:]],
            .array(Array(repeating: nil, count: 2_000)), .array(Array(repeating: Self.flow, count: 20)),
        ]
        let retry: JSON = ["max_attempts": 2, "initial_delay": 1, "factor": 2, "max_delay": 3, "jitter": 0.5]
        let flow = Self.flow.replacing(["tasks", "1", "input"], with: ["numbers": [1]])
            .replacing(["tasks", "0", "retry"], with: retry).replacing(["tasks", "0", "timeout"], with: 1)
            .replacing(["tasks", "0", "max_visits"], with: 1)
        for path in flow.paths {
            for value in replacements {
                let problems = read(flow.replacing(path, with: value)).problems
                #expect(problems.allSatisfy { $0.pointer == "/flow" || $0.pointer.hasPrefix("/flow/") })
            }
        }
    }

    @Test func refusesTooManyTasks() {
        let flow = read(FlowText.chain(Array(repeating: "pass", count: 1_001)))
        #expect(flow.problems == [Violation(pointer: "/flow/tasks", message: "must have at most 1000 elements")])
    }

    /// The number of reported problems is limited, and so is the time to find suggestions.
    @Test func limitsTheNumberOfReportedProblems() {
        let flow: JSON = [
            "id": "f", "name": "f", "start_task": "no_such_task",
            "tasks": .array(
                (0..<1_000).map { ["name": .string("task\($0)"), "type": "sum", "input": ["numbers": [nil, nil]]] }),
            "conditions": .array((0..<12_000).map { ["source_task": .string("no_such_task_\($0)"), "when": ""] }),
        ]
        let problems = read(flow).problems
        #expect(problems.count == Violations.maximumCount)
        #expect(problems.omitted > 2_000 + 11_000)
    }

    @Test func suggestsTheSameNameForEqualDistances() {
        let flow = FlowText.flow(start: "task0", ["task3": "pass", "task1": "pass", "task2": "pass"])
        #expect(read(flow).problems.map(\.hint) == ["did you mean 'task3'?"])
    }
}
