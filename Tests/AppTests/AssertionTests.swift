import Flows
import JSON
import TestSupport
import Testing

@testable import App

/// The tasks `transform` and `assert`, alone and in flows.
@Suite struct AssertionTests {
    private static let root: JSON = [
        "input": ["lines": [["count": 2], ["count": 0]], "total": 7, "none": nil, "no": false]
    ]

    @Test(
        arguments: [
            (5, 5), (nil, nil), (["a": ["{{ $.input.total }}"]], ["a": [7]]), ("{{ $.input.lines[*].count }}", [2, 0]),
            ("total: {{ $.input.total }}", "total: 7"),
        ] as [(JSON, JSON)])
    func transformGivesItsValue(value: JSON, expected: JSON) throws {
        #expect(try run(Transform(), on: ["value": value], seeing: Self.root) == expected)
    }

    @Test(arguments: [
        "$.input[?@ > 6]", "$.input.total", "$.input.lines[?@.count == 0]", "$.input['none','total']",
    ])
    func holdsWhatSelectsAValue(query: String) throws {
        #expect(try run(Assertion(), on: ["that": .string(query)], seeing: Self.root) == ["holds": true])
    }

    @Test(arguments: ["$.input[?@ > 8]", "$.input.none", "$.input.no", "$.input.missing", "$.input['none','no']"])
    func failsForNothingAndFalseAndNull(query: String) throws {
        let plain = #expect(throws: TaskFailure.self) {
            try run(Assertion(), on: ["that": .string(query)], seeing: Self.root)
        }
        #expect(plain == TaskFailure(code: "assertion_failed", message: "This does not hold: \(query)"))
        let failure = #expect(throws: TaskFailure.self) {
            try run(
                Assertion(), on: ["that": .string(query), "message": "Total {{ $.input.total }}"], seeing: Self.root)
        }
        #expect(failure == TaskFailure(code: "assertion_failed", message: "Total 7"))
    }

    /// Each of two thousand elements is compared with each other one.
    @Test func aQueryThatVisitsTooMuchFails() {
        let failure = #expect(throws: TaskFailure.self) {
            try run(
                Assertion(), on: ["that": "$.input[?count($.input[?@ > 0]) == 0]"],
                seeing: ["input": .array((1...2_000).map { JSON($0) })])
        }
        #expect(failure?.code == "condition_failed")
    }

    private static func flow(_ input: JSON?) -> JSON {
        .chain([.task("first", "pass"), .task("check", "assert", input), .task("last", "pass", ["n": 1])])["flow"]
            ?? nil
    }

    @Test(
        arguments: [
            (nil, "/flow/tasks/1/input", "is required, because a flow defines 'that'"),
            ("{{ $.input }}", "/flow/tasks/1/input", "must be an object, because a flow defines 'that'"),
            ([:], "/flow/tasks/1/input/that", "is required"),
            (["that": 5], "/flow/tasks/1/input/that", "must be a string"),
            (
                ["that": "$.input["], "/flow/tasks/1/input/that",
                "is not a JSONPath query: line 1, column 9: expected a name in quotation marks, an index, a slice, "
                    + "'*' or '?'"
            ),
            (
                ["that": "{{ $.input }}"], "/flow/tasks/1/input/that",
                "is not a JSONPath query: line 1, column 1: a query begins with '$'"
            ),
            (["that": "$.tasks.frist.output"], "/flow/tasks/1/input/that", "no task 'frist' in this flow"),
            (
                ["that": "$.input[?@ == $.tasks.last.output]"], "/flow/tasks/1/input/that",
                "the task 'last' cannot have run before this"
            ),
            (
                ["that": "$.tasks.check"], "/flow/tasks/1/input/that", "the task 'check' cannot have run before this"
            ),
            (
                ["that": "$", "message": "{{ $.tasks.last }}"], "/flow/tasks/1/input/message",
                "the task 'last' cannot have run before this"
            ),
            (["that": "$", "what": 1], "/flow/tasks/1/input/what", "is not a known field"),
        ] as [(JSON?, String, String)])
    func flowsAreCheckedBeforeTheyRun(input: JSON?, pointer: String, message: String) {
        var reader = FlowReader(catalog: Tasks.makeCatalog())
        #expect(reader.read(Self.flow(input)) == nil)
        #expect(reader.problems.map(\.pointer) == [pointer])
        #expect(reader.problems.map(\.message) == [message])
    }

    @Test func anUnknownTaskHasAHint() {
        var reader = FlowReader(catalog: Tasks.makeCatalog())
        #expect(reader.read(Self.flow(["that": "$.tasks.frist.output"])) == nil)
        #expect(reader.problems.map(\.hint) == ["did you mean 'first'?"])
    }

    /// A run keeps the result of a task that only an assertion names.
    @Test func aFlowAssertsWhatEarlierTasksGave() throws {
        let application = try TestApplication()
        let user = try application.makeUser()
        let call: (JSON) -> JSON = { input in
            .flow(
                [
                    .task("a", "transform", ["value": ["total": "{{ $.input.total }}"]]), .task("b", "pass"),
                    .task(
                        "check", "assert", ["that": "$.tasks.a.output[?@ > 5]", "message": "Only {{ $.input.total }}"]),
                    .task("refuse", "pass", "{{ $.tasks.check.error }}"),
                ],
                [.condition("a", "b", "end"), .condition("b", "check", "end"), .condition("check", "end", "refuse")],
                input: input)
        }
        let good = try application.post("/flow-manager", call(["total": 6]), token: user.token)
        #expect(good.status == 200 && good["result"] == ["holds": true], "\(good.text)")
        let bad = try application.post("/flow-manager", call(["total": 5]), token: user.token)
        #expect(bad.status == 200, "\(bad.text)")
        #expect(bad["result"] == ["code": "assertion_failed", "message": "Only 5"])
    }

    /// The queries of a flow are checked when it is read: a fork changes values only.
    @Test func aForkDoesNotChangeTheQuery() throws {
        let application = try TestApplication()
        let user = try application.makeUser()
        let run = try application.post(
            "/flow-manager", .flow([.task("check", "assert", ["that": "$.input.x", "message": "no"])]),
            token: user.token)
        let path = "/api/executions/\(run["execution_id"].stringValue ?? "")/fork"
        let refused = try application.post(
            path, ["step": 1, "input": ["that": "$", "message": "no"]], token: user.token)
        expectProblem(refused, 422, "validation_failed")
        #expect(pointers(refused) == ["/input/that"])
        let forked = try application.post(
            path, ["step": 1, "input": ["that": "$.input.x", "message": "still not"]], token: user.token)
        #expect(forked.status == 202, "\(forked.text)")
        try application.work()
        let found = try application.get("/api/executions/\(forked["id"].stringValue ?? "")", token: user.token)
        #expect(found["steps"].each("error").first?["message"] == "still not")
    }
}
