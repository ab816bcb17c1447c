import Crypto
import Flows
import JSON
import Postgres
import System
import TestSupport
import Testing

@testable import App

/// The task `each`, alone and before a flow runs.
@Suite struct EachTests {
    private static let catalog = Tasks.makeCatalog()

    private func each(_ input: JSON, seeing root: JSON = [:]) throws -> JSON {
        let output = try run(Each(), on: input, seeing: root, catalog: Self.catalog)
        #expect(Each().output.violations(in: output) == [])
        return output
    }

    private func failure(_ input: JSON, seeing root: JSON = [:]) -> TaskFailure? {
        #expect(throws: TaskFailure.self) { try each(input, seeing: root) }
    }

    @Test func runsTheTaskForEachItem() throws {
        let root: JSON = ["input": ["lines": [["price": 3, "count": 2], ["price": 5, "count": 4]], "factor": 10]]
        let prices = try each(
            [
                "items": "{{ $.input.lines }}", "task": "calc.multiplication",
                "input": ["arguments": ["{{ $.item.price }}", "{{ $.item.count }}", "{{ $.input.factor }}"]],
            ], seeing: root)
        #expect(prices == [["result": 60], ["result": 200]])
        let shaped = try each(
            [
                "items": "{{ $.input.lines[*].price }}", "task": "transform",
                "input": ["value": ["n": "{{ $.index }}", "text": "Price {{ $.item }}", "all": "{{ $.item }}"]],
            ], seeing: root)
        #expect(
            shaped == [["n": 0, "text": "Price 3", "all": 3], ["n": 1, "text": "Price 5", "all": 5]])
    }

    /// A table of another task is looked up by the item.
    @Test func aFilterComparesWithTheItem() throws {
        let prices = try each(
            [
                "items": ["saw", "nail"], "task": "transform",
                "input": ["value": "{{ $.tasks.prices.output[?@.name == $.item].price }}"],
            ], seeing: ["tasks": ["prices": ["output": [["name": "nail", "price": 1], ["name": "saw", "price": 9]]]]])
        #expect(prices == [[9], [1]])
    }

    @Test func anItemIsTheInputByDefault() throws {
        #expect(try each(["items": [[1, 2], 5, "x"], "task": "data.process"]).each("sum") == [3, 5, 0])
        #expect(try each(["items": [], "task": "calc.addition"]) == [])
    }

    @Test func assertsForEachItem() throws {
        let input: JSON = [
            "items": "{{ $.input }}", "task": "assert",
            "input": ["that": "$.item[?@ > 0]", "message": "{{ $.item.name }} has {{ $.item.count }}"],
        ]
        let good: JSON = ["name": "a", "count": 1]
        #expect(try each(input, seeing: ["input": [good, good]]) == [["holds": true], ["holds": true]])
        let failed = failure(input, seeing: ["input": [good, ["name": "b", "count": 0]]])
        #expect(
            failed
                == TaskFailure(code: "assertion_failed", message: "Item 1: b has 0", details: ["index": 1]))
    }

    @Test(
        arguments: [
            (
                ["items": [4, 0], "task": "calc.division", "input": ["arguments": [1, "{{ $.item }}"]]],
                "division_by_zero"
            ),
            (["items": [[1], []], "task": "transform", "input": ["value": "{{ $.item[0] }}"]], "template_empty"),
            (["items": [5, "x"], "task": "random.string", "input": ["length": "{{ $.item }}"]], "invalid_input"),
            (["items": "{{ $.none[*] }}", "task": "fail"], nil),
        ] as [(JSON, String?)])
    func theFirstItemThatFailsFailsTheStep(input: JSON, code: String?) throws {
        guard let code else { return #expect(try each(input) == []) }
        let failure = failure(input)
        #expect(failure?.code == code)
        #expect(failure?.details == ["index": 1])
        #expect(failure?.message.hasPrefix("Item 1: ") == true)
    }

    @Test func thereAreAtMostTenThousandItems() throws {
        let items = JSON.array((0..<10_000).map { JSON($0) })
        let outputs = try each(
            [
                "items": "{{ $.input }}", "task": "calc.multiplication",
                "input": ["arguments": ["{{ $.item }}", "{{ $.index }}"]],
            ], seeing: ["input": items])
        #expect(outputs.arrayValue?.count == 10_000)
        #expect(outputs.arrayValue?.last == ["result": 99_980_001])
        let more = JSON.array((0...10_000).map { JSON($0) })
        #expect(failure(["items": "{{ $.input }}", "task": "pass"], seeing: ["input": more])?.code == "invalid_input")
    }

    /// Each of ten thousand items is compared with each of ten thousand prices; a megabyte for each of a thousand.
    @Test func whatTemplatesVisitAndGiveIsBoundedForTheWholeStep() {
        let numbers = JSON.array((0..<10_000).map { JSON($0) })
        let visits = failure(
            [
                "items": "{{ $.input }}", "task": "transform",
                "input": ["value": "{{ $.input[?@ == $.item] }}"],
            ], seeing: ["input": numbers])
        #expect(visits?.code == "template_too_large")
        let sizes = failure(
            [
                "items": .array(Array(repeating: 1, count: 1_000)), "task": "data.process", "input": "{{ $.input }}",
            ], seeing: ["input": .string(String(repeating: "x", count: 1 << 20))])
        #expect(sizes?.code == "template_too_large")
    }

    private static func flow(_ input: JSON?) -> JSON {
        .chain([.task("first", "pass"), .task("each", "each", input), .task("last", "pass", ["n": 1])])["flow"] ?? nil
    }

    private static let place = "/flow/tasks/1/input"

    @Test(
        arguments: [
            (nil, "", "is required, because a flow defines 'task' and 'input'", nil),
            ("{{ $.input }}", "", "must be an object, because a flow defines 'task' and 'input'", nil),
            (["items": []], "/task", "is required", nil), (["task": "pass"], "/items", "is required", nil),
            (
                ["items": [], "task": "calc.additon"], "/task", "no task type 'calc.additon'",
                "did you mean 'calc.addition'?"
            ),
            (["items": [], "task": "data.stor"], "/task", "no task type 'data.stor'", nil),
            (
                ["items": [], "task": "{{ $.input.task }}"], "/task",
                "must be the name of a task type, without templates", nil
            ),
            (
                ["items": [], "task": "data.store"], "/task",
                "must be a task type that only reads and computes, for one item; 'data.store' is not", nil
            ),
            (
                ["items": [], "task": "wait"], "/task",
                "must be a task type that only reads and computes, for one item; 'wait' is not", nil
            ),
            (
                ["items": [], "task": "each", "input": ["items": [], "task": "pass"]], "/task",
                "must be a task type that only reads and computes, for one item; 'each' is not", nil
            ),
            (
                ["items": [], "task": "pass", "input": ["{{ $.tasks.frist.output }}"]], "/input/0",
                "no task 'frist' in this flow", "did you mean 'first'?"
            ),
            (
                ["items": [], "task": "pass", "input": "{{ $.tasks.last.output }}"], "/input",
                "the task 'last' cannot have run before this", nil
            ),
            (
                ["items": [], "task": "pass", "input": "{{ $.item"], "/input",
                "is not a template: line 1, column 10: expected '.', '[' or '}}'", nil
            ),
            (
                ["items": [], "task": "calc.addition", "input": ["arguments": ["{{ $.item }}", "x"]]],
                "/input/arguments/1", "must be a number or an array", nil
            ),
            (
                ["items": [["length": 5], ["length": 0], "{{ $.input }}"], "task": "random.string"], "/items/1/length",
                "must be at least 1", nil
            ),
            (
                ["items": [], "task": "assert", "input": ["that": "item"]], "/input/that",
                "is not a JSONPath query: line 1, column 1: a query begins with '$'", nil
            ),
            (["items": [], "task": "assert"], "/input", "is required, because a flow defines 'that'", nil),
        ] as [(JSON?, String, String, String?)])
    func flowsAreCheckedBeforeTheyRun(input: JSON?, pointer: String, message: String, hint: String?) {
        var reader = FlowReader(catalog: Self.catalog)
        #expect(reader.read(Self.flow(input)) == nil)
        #expect(reader.problems == [Violation(pointer: Self.place + pointer, message: message, hint: hint)])
    }
}

/// Runs of flows with `each`.
@Suite struct EachRunTests {
    let application: TestApplication
    let user: TestUser

    init() throws {
        application = try TestApplication()
        user = try application.makeUser()
    }

    private static func each(_ task: String, _ input: JSON? = nil) -> JSON {
        var members = JSONObject([
            .init(name: "items", value: "{{ $.input.items }}"), .init(name: "task", value: .string(task)),
        ])
        members["input"] = input
        return .task("each", "each", .object(members))
    }

    /// The templates for items stay as they are until then, and see tasks that no other query names.
    @Test func aFlowRunsATaskForItems() throws {
        let tasks = [
            JSON.task("add", "transform", ["value": 100]),
            Self.each("transform", ["value": "{{ $.tasks.add.output }}{{ $.item }}"]),
        ]
        let run = try application.post(
            "/flow-manager", .chain(tasks, input: ["items": [1, 2]]), token: user.token)
        #expect(run.status == 200 && run["result"] == ["1001", "1002"], "\(run.text)")
        let record = try application.get(
            "/api/executions/\(run["execution_id"].stringValue ?? "")", token: user.token)
        #expect(
            record["steps"].each("input").last
                == ["items": [1, 2], "task": "transform", "input": ["value": "{{ $.tasks.add.output }}{{ $.item }}"]])
    }

    @Test func theOutputOfAStepIsBounded() throws {
        let run = try application.post(
            "/flow-manager",
            .chain(
                [Self.each("random.array", ["n": 10_000])],
                input: ["items": .array(Array(repeating: 1, count: 1_000))]), token: user.token)
        #expect(run.status == 422 && run["executed_tasks"].each("error").first?["code"] == "output_too_large")
    }

    /// A calculation costs five credits, and a new user has twenty.
    @Test func aStepCostsWhatItsTaskCosts() throws {
        let call = JSON.chain(
            [Self.each("calc.addition", ["arguments": ["{{ $.item }}"]])], input: ["items": [1, 2, 3, 4, 5, 6]])
        #expect(try application.post("/api/flows/validate", call, token: user.token)["max_cost"] == 5)
        let run = try application.post("/flow-manager", call, token: user.token)
        #expect(run.status == 200 && run["credits_charged"] == 5, "\(run.text)")
        #expect(try application.get("/api/credits", token: user.token)["balance"] == 15)
    }

    @Test func aTypeThatIsSwitchedOffIsRefused() throws {
        _ = try Price.set("random.string", cost: nil, isActive: false, on: application.database.connect())
        let refused = try application.post(
            "/flow-manager", .chain([Self.each("random.string", ["length": 5])], input: ["items": []]),
            token: user.token)
        expectProblem(refused, 422, "validation_failed")
        #expect(pointers(refused) == ["/flow/tasks/0"])
    }

    /// An engine with a task that calls `body` with the number of its call.
    private func engine(
        _ limits: Engine.Limits = Engine.Limits(), _ body: @escaping @Sendable (Int) -> Void
    ) -> (Engine, Recording<JSON>) {
        let calls = Recording<JSON>()
        let probe = Probe { input in
            calls.add(input)
            body(calls.all.count)
        }
        return (Engine(catalog: TaskCatalog([Each(), probe]), limits: limits), calls)
    }

    private func makeRun(on engine: Engine) throws -> (Execution, Engine.Plan) {
        let call = JSON.chain([Self.each("probe")])
        let flow = call["flow"] ?? nil
        let items = JSON.array((0..<10).map { JSON($0) })
        return (
            Execution(id: UUIDv7.make(), userID: user.id, flow: flow, input: ["items": items]),
            try engine.plan(flow, for: user.id, on: application.connection)
        )
    }

    @Test func aCanceledRunEndsBetweenItems() throws {
        let cancellation = Cancellation()
        let (engine, calls) = engine { if $0 == 4 { cancellation.request() } }
        let (run, plan) = try makeRun(on: engine)
        try engine.enqueue(run, plan, on: application.connection)
        let claim = try #require(try engine.claim(on: application.connection))
        guard case .lost = try engine.execute(claim, on: application.connection, cancellation) else {
            throw TestFailure("the run was not interrupted")
        }
        #expect(calls.all == [0, 1, 2, 3])
    }

    /// The thread of the call leaves the step to a worker, which executes it from its beginning and is not interrupted.
    @Test func aLongStepLeavesTheThreadOfItsCall() throws {
        var limits = Engine.Limits()
        (limits.callTime, limits.timeSlice) = (.milliseconds(300), .milliseconds(1))
        let (engine, calls) = engine(limits) { number in
            guard number == 3 else { return }
            let end = ContinuousClock.now + .milliseconds(301)
            while .now < end {}
        }
        let (run, plan) = try makeRun(on: engine)
        let outcome = try engine.run(run, plan, on: application.connection, with: nil)
        guard case .waits = outcome else { throw TestFailure("the run has ended on the thread of its call") }
        #expect(calls.all == [0, 1, 2])
        let claim = try #require(try engine.claim(on: application.connection))
        _ = try engine.execute(claim, on: application.connection, Cancellation())
        #expect(calls.all.count == 13)
        let found = try #require(try Execution.find(run.id, of: user.id, on: application.connection)).execution
        #expect(found.status == .completed && found.steps.map(\.attempt) == [1])
        #expect(found.steps.first?.output.arrayValue?.count == 10)
    }

    @Test func theProcessorTimeOfAStepIsBounded() throws {
        var limits = Engine.Limits()
        (limits.callTime, limits.processorTime) = (.seconds(60), .milliseconds(20))
        let (engine, calls) = engine(limits) { number in
            guard number == 3 else { return }
            let end = ProcessorTime.ofThread + .milliseconds(21)
            while ProcessorTime.ofThread < end {}
        }
        let (run, plan) = try makeRun(on: engine)
        let ended = try engine.run(run, plan, on: application.connection, with: nil).execution
        #expect(ended.status == .failed && ended.steps.first?.failure?.code == "processor_time_exceeded")
        #expect(calls.all == [0, 1, 2])
    }
}

/// Returns its input, after a call of the test's.
private struct Probe: FlowTask {
    let type = "probe"
    let summary = "For tests"
    let effect = Effect.pure
    let input = JSONSchema.any
    let output = JSONSchema.any
    private let body: @Sendable (JSON) -> Void

    init(_ body: @escaping @Sendable (JSON) -> Void) { self.body = body }

    func run(_ input: JSON, in context: TaskContext) -> JSON {
        body(input)
        return input
    }
}
