import Crypto
import JSON
import Postgres
import TestSupport
import Testing

@testable import Flows

/// Runs of flows with templates, conditions with `when`, and failure edges; on Postgres.
@Suite struct TemplateRunTests {
    private let fixture: EngineFixture

    init() throws { fixture = try EngineFixture() }

    private static func flow(_ tasks: [JSON], _ conditions: [JSON] = []) -> JSON {
        [
            "id": "f1", "name": "Test", "start_task": tasks.first?["name"] ?? .null, "tasks": .array(tasks),
            "conditions": .array(conditions),
        ]
    }

    private static func task(_ name: String, _ type: String = "pass", _ input: JSON? = nil) -> JSON {
        var task = JSONObject([
            .init(name: "name", value: .string(name)), .init(name: "type", value: .string(type)),
        ])
        task["input"] = input
        return .object(task)
    }

    private static func condition(
        _ source: String, _ success: String, _ failure: String = "end", when: String? = nil
    ) -> JSON {
        FlowText.condition("\(source) to \(success)", after: source, success: success, failure: failure)
            .replacing(["when"], with: when.map(JSON.string))
    }

    /// Queues a run, executes it until it waits or ends, and reads it.
    private func run(_ flow: JSON, input: JSON = [:], passesErrors: Bool = true) throws -> Execution {
        let execution = Execution(
            id: UUIDv7.make(), userID: RunnerFixture.userID, flow: flow, passesErrors: passesErrors, input: input)
        try fixture.engine.enqueue(
            execution,
            try fixture.engine.plan(
                flow, passesErrors: passesErrors, for: RunnerFixture.userID, on: fixture.connection),
            on: fixture.connection)
        try fixture.work()
        return try fixture.find(execution)
    }

    private func shownInputs(_ execution: Execution) throws -> [String] {
        let found = try ShownExecution.find(execution.id, of: execution.userID, on: fixture.connection)
        return try #require(found).stepInputs.map { String(decoding: $0.bytes, as: UTF8.self) }
    }

    @Test func aTaskTakesValuesOfEarlierTasks() throws {
        let run = try run(
            Self.flow(
                [
                    Self.task("a", "pass", ["x": "{{ $.input.n }}"]), Self.task("b", "pass", "ignored"),
                    Self.task("c", "pass", ["sum": "{{ $.tasks.a.output.x }}", "who": "{{ $.user.id }}"]),
                ], [Self.condition("a", "b"), Self.condition("b", "c")]),
            input: ["n": 5])
        #expect(run.status == .completed)
        let last: JSON = ["sum": 5, "who": .string(RunnerFixture.userID)]
        #expect(run.steps.map(\.output) == [["x": 5], "ignored", last])
        #expect(run.stepInputs == [["x": 5], "ignored", last])
        #expect(try shownInputs(run) == run.stepInputs.map(\.text))
    }

    /// The run waits between the task that is named and the one that names it: a worker continues it from its progress,
    /// without the earlier steps.
    @Test func aContinuedRunStillSeesEarlierTasks() throws {
        let flow = Self.flow(
            [
                Self.task("a", "pass", ["x": 1]), Self.task("b"),
                Self.task("ask", "question", "{{ $.tasks.a.output.x }}"),
                Self.task("d", "pass", ["{{ $.tasks.a.output.x }}", "{{ $.tasks.ask.output }}"]), Self.task("never"),
            ],
            [
                Self.condition("a", "b"), Self.condition("b", "ask"), Self.condition("ask", "d"),
                Self.condition("d", "never", when: "$.tasks.a.output[?@ > 1]"),
                Self.condition("d", "END_SUCCESS", when: "$.tasks.a.output[?@ == 1]"),
            ])
        let waiting = try run(flow)
        #expect(waiting.status == .waiting)
        #expect(waiting.stepInputs.last == 1)
        #expect(try fixture.signal(waiting, with: "yes"))
        try fixture.work()
        let ended = try fixture.find(waiting)
        #expect(ended.status == .completed)
        #expect(ended.steps.last?.output == [1, "yes"])
        #expect(ended.steps.last?.condition == "d to END_SUCCESS")
        #expect(ended.stepInputs == [["x": 1], ["x": 1], 1, [1, "yes"]])
    }

    @Test func theFirstConditionThatHoldsDecides() throws {
        let flow = Self.flow(
            [Self.task("a"), Self.task("small"), Self.task("large"), Self.task("other")],
            [
                Self.condition("a", "small", when: "$.tasks.a.output[?@ < 10]"),
                Self.condition("a", "large", when: "$.input.amount"), Self.condition("a", "other"),
            ])
        for (input, expected) in [
            (["amount": 3], "small"), (["amount": 30], "large"), (["amount": false], "other"), ([:], "other"),
            (["amount": nil], "other"),
        ] as [(JSON, String)] {
            let run = try run(flow, input: input)
            #expect(run.steps.map(\.task) == ["a", expected])
            #expect(run.steps.first?.condition == "a to \(expected)")
        }
    }

    @Test func aRunEndsWithItsTaskIfNoConditionHolds() throws {
        let conditions = [Self.condition("a", "b", when: "$.input.go")]
        let run = try run(Self.flow([Self.task("a"), Self.task("b")], conditions))
        #expect(run.status == .completed && run.steps.count == 1 && run.steps[0].next == nil)
        let failed = try self.run(Self.flow([Self.task("a", "fail"), Self.task("b")], conditions))
        #expect(failed.status == .failed && failed.steps.count == 1)
    }

    /// Each element of a list of two thousand is compared with each other one.
    @Test func aConditionThatCannotBeDecidedFailsTheRun() throws {
        let flow = Self.flow(
            [Self.task("a"), Self.task("b")],
            [Self.condition("a", "b", when: "$.input[?count($.input[?@ > 0]) == 0]")])
        let run = try run(flow, input: .array((1...2_000).map { JSON($0) }))
        #expect(run.status == .failed)
        #expect(run.failure?.code == "condition_failed")
        #expect(run.stoppedAt == "a")
        #expect(run.steps.map(\.status) == [.success])
    }

    @Test func aTemplateThatSelectsNothingFailsItsStep() throws {
        let run = try run(
            Self.flow(
                [Self.task("a", "pass", "{{ $.input.x }}"), Self.task("b", "pass", "{{ $.tasks.a.error.code }}")],
                [Self.condition("a", "end", "b")]))
        #expect(run.status == .completed)
        #expect(run.steps.map { $0.failure?.code } == ["template_empty", nil])
        #expect(run.steps.last?.output == "template_empty")
    }

    @Test func onlyInputsThatCannotBeDerivedAreStored() throws {
        let run = try run(
            Self.flow(
                [Self.task("a"), Self.task("b", "pass", "own"), Self.task("c", "fail"), Self.task("d")],
                [Self.condition("a", "b"), Self.condition("b", "c"), Self.condition("c", "end", "d")]))
        #expect(run.steps.map { $0.input?.text } == [nil, nil, "\"own\"", nil])
    }

    @Test func aTaskOnAFailureEdgeGetsTheErrorAndTheInput() throws {
        let tasks = [
            Self.task("a"), Self.task("b", "fail"), Self.task("c"), Self.task("ask", "question"), Self.task("e"),
        ]
        let conditions = [
            Self.condition("a", "b"), Self.condition("b", "end", "c"), Self.condition("c", "ask"),
            Self.condition("ask", "e"),
        ]
        let expected: JSON = ["error": ["code": "failed", "message": "on purpose"], "input": ["n": 1]]
        let new = try run(Self.flow(tasks, conditions), input: ["n": 1])
        #expect(new.stepInputs == [["n": 1], ["n": 1], expected, expected])
        #expect(try shownInputs(new) == new.stepInputs.map(\.text))
        let old = try run(Self.flow(tasks, conditions), input: ["n": 1], passesErrors: false)
        #expect(old.stepInputs == [["n": 1], ["n": 1], nil, nil])
        #expect(try !fixture.find(old).passesErrors)
    }

    /// The failed step is the last one that a worker reads.
    @Test func aContinuedRunKnowsTheInputOfTheFailedStep() throws {
        let run = try run(
            Self.flow(
                [Self.task("a"), Self.task("b", "fail"), Self.task("ask", "question")],
                [Self.condition("a", "b"), Self.condition("b", "end", "ask")]), input: "given")
        #expect(run.status == .waiting)
        #expect(try fixture.signal(run, with: 1))
        try fixture.work()
        let ended = try fixture.find(run)
        #expect(ended.stepInputs.last == ["error": ["code": "failed", "message": "on purpose"], "input": "given"])
    }

    @Test func aForkRendersAgainAndKeepsWhatIsCopied() throws {
        let flow = Self.flow(
            [Self.task("a", "pass", "{{ $.input.x }}"), Self.task("b", "pass", ["{{ $.tasks.a.output }}"])],
            [Self.condition("a", "b")])
        let first = try run(flow, input: ["x": 7])
        let fork = try #require(
            try fixture.engine.fork(first, from: 2, input: nil, version: nil, on: fixture.connection))
        try fixture.work()
        #expect(try fixture.find(fork).stepInputs == [7, [7]])
        let changed = try #require(
            try fixture.engine.fork(first, from: 2, input: "changed", version: nil, on: fixture.connection))
        try fixture.work()
        #expect(try fixture.find(changed).stepInputs == [7, "changed"])
        #expect(try fixture.find(changed).steps.last?.output == "changed")
    }

    /// What a user keeps is counted as it is stored.
    @Test func storedInputsCount() throws {
        let run = try run(
            Self.flow([Self.task("a", "pass", ["{{ $.input }}", "{{ $.input }}"])]),
            input: .string(String(repeating: "x", count: 10_000)))
        #expect(run.status == .completed)
        let (stored, counted) = try fixture.runner.database.connect().query(
            """
            SELECT (SELECT sum(bytes) FROM stored WHERE user_id = \(RunnerFixture.userID))::bigint,
                (SELECT sum(bytes) FROM (SELECT bytes FROM storage UNION ALL SELECT bytes FROM storage_changes) s)
                    ::bigint
            """
        ).only.decode(Int64.self, Int64.self)
        #expect(stored == counted && stored > 50_000)
    }
}
