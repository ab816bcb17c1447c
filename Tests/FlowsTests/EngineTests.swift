import Crypto
import JSON
import Postgres
import TestSupport
import Testing

@testable import Flows

/// Starts a run, and fails at its next turn.
private struct GivesUp: WaitingTask {
    let type = "gives up"
    let summary = "Starts a run and fails"
    let input = JSONSchema.any
    let output = JSONSchema.any
    let workflow: StoredFlow
    /// The last attempt that fails.
    var lastFailure = Int.max

    func advance(_ input: JSON, in context: TaskContext) throws -> Progress {
        guard context.stored == nil else {
            guard context.attempt <= lastFailure else { return .done("done") }
            throw TaskFailure(code: "gave_up", message: "on purpose")
        }
        return .wait(until: .after(.zero), storing: "started", starting: try context.start(workflow, on: [input]))
    }
}

/// Runs that the engine refuses to start.
@Suite struct LaunchRefusalTests {
    private let fixture: EngineFixture
    private var connection: Connection { fixture.connection }

    init() throws { fixture = try EngineFixture() }

    private func refusal(_ body: () throws -> Void) -> LaunchRefusal? {
        #expect(throws: LaunchRefusal.self) { try body() }
    }

    /// Fills the queue of the user up to this number of free places.
    private func fillQueue(leaving room: Int = 0) throws {
        try fixture.runner.database.connect().execute(
            """
            INSERT INTO queue (execution_id, user_id, state, available_at)
            SELECT uuid_v7(), \(RunnerFixture.userID), 'waiting', 'infinity'
            FROM generate_series(1, \(10_000 - room))
            """)
    }

    private func executions() throws -> Int {
        try fixture.runner.database.connect().query("SELECT count(*) FROM executions").only.decode(Int.self)
    }

    @Test func anInvalidFlowReportsAllProblems() {
        let refusal = refusal { _ = try fixture.plan(fixture.execution(["pass", "unknown", "pas"])) }
        guard case .invalid(let problems) = refusal else { Issue.record("\(refusal as Any)"); return }
        #expect(problems.map(\.pointer) == ["/flow/tasks/1/type", "/flow/tasks/2/type"])
        #expect(problems.last?.hint != nil)
    }

    @Test func aFlowWithAnInactiveTaskTypeIsRefused() throws {
        _ = try Price.set("sum", cost: nil, isActive: false, on: connection)
        let refusal = refusal { _ = try fixture.plan(fixture.execution(["pass", "sum"])) }
        guard case .inactive(let problems) = refusal else { Issue.record("\(refusal as Any)"); return }
        #expect(problems.map(\.pointer) == ["/flow/tasks/1"])
    }

    @Test func creditsMustCoverTheMaximumCost() throws {
        _ = try Price.set("pass", cost: 5, isActive: nil, on: connection)
        try connection.execute(Ledger.grant(9, to: RunnerFixture.userID))
        let execution = fixture.execution(["pass", "pass"])
        let plan = try fixture.plan(execution)
        #expect(plan.maxCost == 10)
        for launch in [
            { try fixture.engine.enqueue(execution, plan, on: connection) },
            { _ = try fixture.engine.run(execution, plan, on: connection, with: nil) },
        ] {
            guard case .insufficientCredits = refusal(launch) else { Issue.record("not refused"); return }
        }
        #expect(try executions() == 0)
        try connection.execute(Ledger.grant(1, to: RunnerFixture.userID))
        let steps = try fixture.engine.run(execution, plan, on: connection, with: nil).execution.steps
        #expect(steps.map(\.cost) == [5, 5])
    }

    @Test func aRunIsRefusedWhenTheQueueOfTheUserIsFull() throws {
        try fillQueue(leaving: 1)
        let (first, second) = (fixture.execution(["pass"]), fixture.execution(["pass"]))
        try fixture.engine.enqueue(first, try fixture.plan(first), on: connection)
        let refusal = refusal { try fixture.engine.enqueue(second, try fixture.plan(second), on: connection) }
        guard case .queueFull = refusal else { Issue.record("\(refusal as Any)"); return }
        #expect(try executions() == 1)
        #expect(try fixture.engine.cancel(first, on: connection))
        try fillQueue(leaving: 10_000 - 1)
        let resumed = self.refusal {
            _ = try fixture.engine.resume(try fixture.find(first), try fixture.plan(first), on: connection)
        }
        guard case .queueFull = resumed else { Issue.record("\(resumed as Any)"); return }
    }

    /// A step with refused runs fails with the code of the refusal.
    @Test func aStepFailsWhenItsRunsAreRefused() throws {
        let workflow = try fixture.store(["pass"])
        #expect(try children(of: workflow, 3).ids.count == 3)
        #expect(failure(try fixture.store(["unknown"])) == "workflow_invalid")

        _ = try Price.set("sum", cost: nil, isActive: false, on: connection)
        _ = try Price.set("keep", cost: 4, isActive: nil, on: connection)
        try connection.execute(Ledger.grant(11, to: RunnerFixture.userID))
        let (inactive, paid) = (try fixture.store(["sum"]), try fixture.store(["keep"]))
        // Prices are read once a second, so a new engine has not cached any yet.
        let engine = Engine(catalog: .plain)
        #expect(failure(inactive, by: engine) == "task_inactive")
        #expect(failure(paid, 3, by: engine) == "insufficient_credits")
        #expect(try children(of: paid, 2, by: engine).ids.count == 2)

        try fillQueue(leaving: 2)
        #expect(failure(workflow, 3) == "too_many_runs")
        #expect(try children(of: workflow, 2).ids.count == 2)
    }

    @Test func runsAreNestedAtMostTenLevels() throws {
        let workflow = try fixture.store(["pass"])
        var parent = try fixture.enqueue(["pass"]).id
        for _ in 1...9 {
            let started = try children(of: workflow, 1, parent: parent)
            _ = try connection.transaction { try $0.pipeline(started.statements) }
            parent = started.ids[0]
        }
        #expect(failure(workflow, parent: parent) == "too_deep")
    }

    @Test func childrenAreQueuedOnlyWhenTheirStatementsAreExecuted() throws {
        let started = try children(of: try fixture.store(["pass"]), 2)
        #expect(try executions() == 1, "the parent")
        _ = try connection.transaction { try $0.pipeline(started.statements) }
        let rows = try fixture.runner.database.connect().query(
            "SELECT id, parent_id, parent_step, item FROM executions WHERE parent_id IS NOT NULL")
        let found = try rows.map { try $0.decode(String.self, String.self, Int.self, Int.self) }
        #expect(Set(found.map(\.0)) == Set(started.ids))
        #expect(found.allSatisfy { $0.1 == RunnerFixture.executionID && $0.2 == 4 })
        #expect(Set(found.map(\.3)) == [7, 8])
    }

    /// Children canceled by a failed step stay canceled when the next step fails and its effect is rolled back.
    @Test func aFailedStepCancelsItsChildrenEvenIfTheNextStepFails() throws {
        let stumble = TestTask("stumble", effect: .transactional) { _, _ in
            throw TaskFailure(code: "stumbled", message: "on purpose")
        }
        var fixture = fixture
        fixture.engine = EngineFixture.engine([GivesUp(workflow: try fixture.store(["question"])), stumble])
        let flow = FlowText.flow(
            start: "a", ["a": "gives up", "b": "stumble"],
            [FlowText.condition("c", after: "a", success: "end", failure: "b")])
        let run = Execution(id: UUIDv7.make(), userID: RunnerFixture.userID, flow: flow, input: [:])
        try fixture.engine.enqueue(run, try fixture.plan(run), on: connection)
        try fixture.work()
        let ended = try fixture.find(run)
        #expect(ended.steps.map(\.failure?.code) == ["gave_up", "stumbled"])
        let children = try fixture.runner.database.connect().query(
            "SELECT status FROM executions WHERE parent_id = \(run.id)")
        #expect(try children.map { try $0.decode(String.self) } == ["canceled"])
    }

    /// The next attempt starts its own runs.
    @Test func aFailedAttemptEndsItsRuns() throws {
        var fixture = fixture
        fixture.engine = EngineFixture.engine([GivesUp(workflow: try fixture.store(["question"]), lastFailure: 1)])
        let flow = FlowText.flow(start: "a", ["a": "gives up"]).replacing(
            ["tasks", "0", "retry"], with: ["max_attempts": 2, "initial_delay": 0])
        let run = Execution(id: UUIDv7.make(), userID: RunnerFixture.userID, flow: flow, input: [:])
        try fixture.engine.enqueue(run, try fixture.plan(run), on: connection)
        for _ in 0..<3 {
            try fixture.runner.database.connect().execute(
                "UPDATE queue SET available_at = now() WHERE execution_id = \(run.id)")
            try fixture.work()
        }
        #expect(try fixture.find(run).status == .completed)
        let children = try fixture.runner.database.connect().query(
            "SELECT status FROM executions WHERE parent_id = \(run.id) ORDER BY id")
        #expect(try children.map { try $0.decode(String.self) } == ["canceled", "running"])
    }

    private func children(
        of workflow: StoredFlow, _ count: Int, parent: String = RunnerFixture.executionID, by engine: Engine? = nil
    ) throws -> ChildRuns {
        let context = TaskContext(
            executionID: parent, step: 4, userID: RunnerFixture.userID, connection: connection,
            engine: engine ?? fixture.engine)
        try fixture.runner.database.connect().execute(
            """
            INSERT INTO executions (id, user_id, flow, input, status, created_at)
            VALUES (\(parent), \(RunnerFixture.userID), '{}', '1', 'running', now()) ON CONFLICT DO NOTHING
            """)
        // The transaction of the step's commit.
        defer { connection.rollback() }
        return try context.start(workflow, on: Array(repeating: 1, count: count), firstItem: 7)
    }

    private func failure(
        _ workflow: StoredFlow, _ count: Int = 1, parent: String = RunnerFixture.executionID, by engine: Engine? = nil
    ) -> String? {
        #expect(throws: TaskFailure.self) { try children(of: workflow, count, parent: parent, by: engine) }?.code
    }
}

/// Cancel, resume and signal in each state of a run.
@Suite struct InterventionTests {
    private let fixture: EngineFixture
    private var connection: Connection { fixture.connection }

    init() throws { fixture = try EngineFixture() }

    @Test(arguments: ExecutionStatus.allCases) func onlyActiveRunsAreCanceled(status: ExecutionStatus) throws {
        let run = try fixture.run(status)
        #expect(try fixture.engine.cancel(run, on: connection) == !status.isEnd)
        let after = try fixture.find(run)
        #expect(after.status == (status.isEnd ? run.status : .canceled))
        #expect(try fixture.engine.cancel(run, on: connection) == false)
    }

    @Test(arguments: ExecutionStatus.allCases)
    func onlyFailedAndCanceledRunsAreResumed(status: ExecutionStatus) throws {
        let run = try fixture.run(status)
        let isResumed = try fixture.engine.resume(run, try fixture.plan(run), on: connection)
        #expect(isResumed == [.failed, .canceled].contains(status))
        #expect(try fixture.find(run).status == (isResumed ? .queued : run.status))
        #expect(
            try fixture.engine.resume(run, try fixture.plan(run), on: connection) == false, "a run is not resumed twice"
        )
    }

    @Test(arguments: ExecutionStatus.allCases)
    func onlyAWaitingRunReceivesASignal(status: ExecutionStatus) throws {
        let run = try fixture.run(status)
        let engine = fixture.engine
        #expect(try engine.signal(run.id, step: 1, with: "yes", on: connection) == false, "another step waits")
        #expect(try engine.signal(run.id, step: 2, with: "yes", on: connection) == (status == .waiting))
        #expect(try engine.signal(run.id, step: 2, with: "no", on: connection) == false, "a run receives one signal")
        guard status == .waiting else { return }
        try fixture.work()
        #expect(try fixture.find(run).status == .completed)
        #expect(try fixture.find(run).result == "yes")
    }

    @Test func aTaskWithoutSignalsReceivesNone() throws {
        let run = try fixture.enqueue(["sleep"])
        try fixture.work()
        #expect(try fixture.find(run).status == .waiting)
        #expect(try fixture.signal(run, with: "yes") == false)
    }
}

@Suite struct ForkTests {
    private let fixture: EngineFixture
    private var connection: Connection { fixture.connection }

    init() throws { fixture = try EngineFixture() }

    private func fork(
        _ former: Execution, from step: Int, input: JSON? = nil, version: Int? = nil
    ) throws -> Execution? {
        try fixture.engine.fork(former, from: step, input: input, version: version, on: connection)
    }

    @Test func copiesTheStepsBeforeAndExecutesTheRest() throws {
        let run = try fixture.enqueue(["pass", "pass", "pass"], input: "old")
        try fixture.work()
        let former = try fixture.find(run)
        let forked = try #require(try fork(former, from: 2, input: "new"))
        #expect(forked.fork?.differences?.json == ["step": 2, "input": true, "version": nil])
        let queued = try fixture.find(forked)
        #expect(queued.status == .queued && queued.steps.map(\.output) == ["old"])
        #expect(queued.fork?.executionID == former.id)

        try fixture.work()
        let ended = try fixture.find(forked)
        #expect(ended.status == .completed)
        #expect(ended.steps.map(\.number) == [1, 2, 3])
        #expect(ended.stepInputs == ["old", "new", "new"])
        #expect(ended.steps.map(\.output) == ["old", "new", "new"])
        #expect(ended.steps.first?.duration == former.steps.first?.duration, "the step was copied, not executed again")
        #expect(try fixture.find(former).steps.map(\.output) == ["old", "old", "old"])
    }

    /// If the first step of a fork is repeated after a resume, it gets the input of the fork again.
    @Test func aRepeatedStepKeepsTheInputOfTheFork() throws {
        let run = try fixture.enqueue(["pass", "question", "pass"], input: 1)
        try fixture.work()
        #expect(try fixture.engine.cancel(run, on: connection))
        let forked = try #require(try fork(try fixture.find(run), from: 2, input: "asked"))
        try fixture.work()
        #expect(try fixture.engine.cancel(forked, on: connection))
        let canceled = try fixture.find(forked)
        #expect(try fixture.engine.resume(canceled, try fixture.plan(canceled), on: connection))
        try fixture.work()
        let waiting = try fixture.find(forked)
        #expect(waiting.steps.map(\.isSuperseded) == [false, true, false])
        #expect(waiting.stepInputs == [1, "asked", "asked"])
        #expect(waiting.result == "asked", "the input of the task")
        #expect(try fixture.signal(waiting, with: 2))
        try fixture.work()
        #expect(try fixture.find(forked).stepInputs == [1, "asked", "asked", 2])
        #expect(try fixture.find(forked).result == 2)
    }

    @Test func aForkFromTheFirstStepShowsItsOwnInput() throws {
        let run = try fixture.enqueue(["pass", "pass"], input: "old")
        try fixture.work()
        let forked = try #require(try fork(fixture.find(run), from: 1, input: "new"))
        #expect(try fixture.find(forked).input == "new")
        try fixture.work()
        #expect(try fixture.find(forked).stepInputs == ["new", "new"])
        #expect(try fixture.find(run).input == "old")
    }

    /// Copied steps show the inputs that they had, and a step that is forked again keeps its input by default.
    @Test func aForkOfAForkKeepsTheInputsOfBoth() throws {
        let run = try fixture.enqueue(["pass", "pass", "pass", "pass"], input: "a")
        try fixture.work()
        let first = try #require(try fork(fixture.find(run), from: 2, input: "b"))
        try fixture.work()
        let second = try #require(try fork(fixture.find(first), from: 4, input: "c"))
        try fixture.work()
        #expect(try fixture.find(second).stepInputs == ["a", "b", "b", "c"])
        for (step, expected) in [(2, ["a", "b", "b", "b"]), (3, ["a", "b", "b", "b"]), (4, ["a", "b", "b", "c"])] {
            let again = try #require(try fork(fixture.find(second), from: step))
            #expect(again.fork?.differences?.json["input"] == false)
            try fixture.work()
            let ended = try fixture.find(again)
            #expect(ended.stepInputs.map(\.stringValue) == expected, "from step \(step)")
            #expect(ended.fork?.step == step)
            #expect(ended.result == .string(expected[3]))
        }
        #expect(try fixture.find(run).fork == nil)
    }

    @Test(arguments: [ExecutionStatus.queued, .running, .waiting])
    func anActiveRunIsNotForked(status: ExecutionStatus) throws {
        #expect(try fork(fixture.run(status), from: 1) == nil)
    }

    @Test(arguments: [(4, nil, "/step"), (1, 2, "/version")] as [(Int, Int?, String)])
    func unknownStepsAndVersionsAreRefused(step: Int, version: Int?, pointer: String) throws {
        let run = try fixture.enqueue(["pass", "pass", "pass"])
        try fixture.work()
        let former = try fixture.find(run)
        let refusal = #expect(throws: LaunchRefusal.self) { try fork(former, from: step, version: version) }
        guard case .invalid(let problems) = refusal else { Issue.record("\(refusal as Any)"); return }
        #expect(problems.map(\.pointer) == [pointer])
    }
}
