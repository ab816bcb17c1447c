import JSON
import Postgres
import TestSupport
import Testing

@testable import Flows

/// Runs on Postgres. Rows that are committed together have the same transaction number (`xmin`).
@Suite struct RunnerTests {
    private let fixture: RunnerFixture

    init() throws { fixture = try RunnerFixture() }

    @Test func aChainOfPureTasksCommitsOnce() throws {
        let execution = try fixture.run(FlowText.chain(Array(repeating: "pass", count: 50)), input: ["x": 1])
        #expect(execution.status == .completed)
        #expect(execution.stoppedAt == nil)
        #expect(execution.steps.map(\.number) == Array(1...50))
        #expect(execution.result == ["x": 1])
        #expect(try fixture.committed().xids.count == 1)
        #expect(try fixture.committed().steps == 50)
    }

    @Test func anEffectAtTheEndCommitsWithTheRun() throws {
        let execution = try fixture.run(FlowText.chain(["pass", "sum", "keep"]), input: ["numbers": [1, 2]])
        #expect(execution.result == ["numbers": [1, 2]])
        #expect(
            try fixture.committed()
                == .init(xids: fixture.committed().xids, documents: ["3"], steps: 3, status: "completed"))
        #expect(try fixture.committed().xids.count == 1)
    }

    @Test func anEffectIsCommittedBeforeTheNextBegins() throws {
        let database = fixture.database
        let check = TestTask("check", effect: .transactional) { input, context in
            let committed = try RunnerFixture.committed(in: database)
            #expect(committed.documents == ["1"])
            #expect(committed.steps == 2)
            #expect(committed.status == "running")
            return try RunnerFixture.keep(input, context)
        }
        let execution = try fixture.run(FlowText.chain(["keep", "pass", "check", "pass"]), tasks: [check])
        #expect(execution.status == .completed)
        let committed = try fixture.committed()
        #expect(committed.xids.count == 2)
        #expect(committed.documents == ["1", "3"])
        #expect(committed.steps == 4)
        #expect(committed.status == "completed")
    }

    @Test func aLongRunCommitsInBetween() throws {
        let execution = try fixture.run(FlowText.chain(Array(repeating: "pass", count: 300)))
        #expect(execution.steps.count == 300)
        #expect(try fixture.committed().steps == 300)
        #expect(try fixture.committed().xids.count == 2)
    }

    @Test func aFailedEffectIsRolledBack() throws {
        let execution = try fixture.run(FlowText.flow(start: "a", ["a": "keep and fail"]))
        #expect(execution.status == .failed)
        #expect(execution.stoppedAt == "a")
        #expect(execution.steps.first?.failure == TaskFailure(code: "full", message: "No room"))
        #expect(try fixture.committed().documents == [])
        #expect(try fixture.committed().steps == 1)
        #expect(try fixture.committed().status == "failed")
        #expect(try fixture.committed().xids.count == 1)
    }

    @Test func aRunContinuesAfterAFailedEffect() throws {
        let flow = FlowText.chain(["pass", "keep and fail", "keep"])
            .replacing(["conditions", "1", "target_task_failure"], with: "t3")
        let execution = try fixture.run(flow)
        #expect(execution.status == .completed)
        #expect(execution.steps.map(\.status) == [.success, .failure, .success])
        #expect(try fixture.committed().documents == ["3"])
        #expect(try fixture.committed().xids.count == 1)
    }

    @Test func aFailureKeepsTheEffectOfThePreviousStep() throws {
        let execution = try fixture.run(FlowText.chain(["keep", "fail", "pass"]))
        #expect(execution.status == .endedEarly)
        #expect(execution.stoppedAt == "t2")
        #expect(try fixture.committed().documents == ["1"])
        #expect(try fixture.committed().steps == 2)
        #expect(try fixture.committed().xids.count == 1)
    }

    @Test func anInvalidInputFailsTheStep() throws {
        let execution = try fixture.run(FlowText.chain(["keep", "sum"]), input: ["numbers": [1, "2"]])
        #expect(
            execution.steps.map(\.failure) == [
                nil, TaskFailure(code: "invalid_input", message: "/numbers/1: must be a number"),
            ])
        #expect(try fixture.committed().documents == ["1"])
    }

    @Test func anInputOfTheWrongTypeIsReported() throws {
        let execution = try fixture.run(FlowText.chain(["sum"]), input: [1])
        #expect(execution.steps.first?.failure?.message == "must be an object")
    }

    @Test func aDatabaseErrorRollsBackTheRun() throws {
        let broken = TestTask("broken", effect: .transactional) { input, context in
            _ = try RunnerFixture.keep(input, context)
            return try RunnerFixture.keep(input, context)
        }
        let error = #expect(throws: PostgresError.self) {
            try fixture.run(FlowText.chain(["pass", "broken"]), tasks: [broken])
        }
        #expect(error?.sqlState == .uniqueViolation)
        #expect(try fixture.committed() == .init(xids: [], documents: [], steps: 0, status: nil))
        #expect(fixture.connection.transactionStatus == .idle)
        #expect(try fixture.run(FlowText.chain(["keep"])).status == .completed)
    }

    @Test func anyOtherErrorRollsBackTheRun() throws {
        struct UnexpectedError: Error {}
        let broken = TestTask("broken") { _, _ in throw UnexpectedError() }
        #expect(throws: UnexpectedError.self) { try fixture.run(FlowText.chain(["keep", "broken"]), tasks: [broken]) }
        #expect(try fixture.committed() == .init(xids: [], documents: [], steps: 0, status: nil))
        #expect(fixture.connection.transactionStatus == .idle)
    }

    @Test func aConnectionLostBeforeTheFirstCommitLeavesNothing() throws {
        let error = #expect(throws: PostgresError.self) {
            try fixture.run(FlowText.chain(["pass", "keep", "cut", "pass"]))
        }
        #expect(error?.isUnavailability == true)
        #expect(try fixture.committed() == .init(xids: [], documents: [], steps: 0, status: nil))
        #expect(try fixture.run(FlowText.chain(["keep"])).status == .completed)
    }

    @Test func aConnectionLostLaterKeepsCommittedSteps() throws {
        #expect(throws: PostgresError.self) { try fixture.run(FlowText.chain(["keep", "keep", "cut"])) }
        #expect(
            try fixture.committed()
                == .init(xids: fixture.committed().xids, documents: ["1"], steps: 1, status: "running"))
    }

    /// Neither together with an effect, nor after a failed effect, nor in the middle of a run.
    @Test(arguments: [["keep", "end and keep"], ["keep", "end and fail"], ["keep", "end and keep", "keep"]])
    func aRunWithoutItsLeaseWritesNothing(types: [String]) throws {
        let database = fixture.database
        let tasks = ["end and keep", "end and fail"].map { type in
            TestTask(type, effect: .transactional) { input, context in
                try database.connect().execute("DELETE FROM queue")
                if type == "end and fail" { throw TaskFailure(code: "failed", message: "on purpose") }
                return try RunnerFixture.keep(input, context)
            }
        }
        #expect(throws: Fenced.self) { try fixture.run(FlowText.chain(types), tasks: tasks) }
        #expect(
            try fixture.committed()
                == .init(xids: fixture.committed().xids, documents: ["1"], steps: 1, status: "running"))
        #expect(fixture.connection.transactionStatus == .idle)
    }

    @Test(.needsSession("a pooler may lend the next statement a session that has just been lost"))
    func aConnectionLostBetweenTransactionsDoesNotFailTheRun() throws {
        #expect(try fixture.run(FlowText.chain(["pass", "cut", "pass"])).status == .completed)
        #expect(try fixture.committed().steps == 3)
    }

    /// The server ends the session during COMMIT; the run is not stored.
    @Test func anInterruptedCommitIsAnError() throws {
        try fixture.database.connect().execute(
            unsafeScript: """
                CREATE FUNCTION leave() RETURNS trigger LANGUAGE plpgsql AS
                    $$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END $$;
                CREATE CONSTRAINT TRIGGER leave AFTER INSERT ON documents DEFERRABLE INITIALLY DEFERRED
                    FOR EACH ROW EXECUTE FUNCTION leave();
                """)
        let error = #expect(throws: PostgresError.self) { try fixture.run(FlowText.chain(["keep"])) }
        #expect(error?.kind == .commitUnknown)
        #expect(try fixture.committed() == .init(xids: [], documents: [], steps: 0, status: nil))
        #expect(try fixture.run(FlowText.chain(["pass"])).status == .completed)
    }

    @Test func theTotalSizeOfOutputsIsLimited() throws {
        let half = String(repeating: "x", count: Engine.Limits().recordSize / 2 + 1)
        let large = TestTask("large", effect: .transactional) { input, context in
            _ = try RunnerFixture.keep(input, context)
            return .string(half)
        }
        let flow = FlowText.chain(["large", "large", "keep"])
            .replacing(["conditions", "1", "target_task_failure"], with: "t3")
            .replacing(["tasks", "2", "input"], with: "small")
        let execution = try fixture.run(flow, tasks: [large])
        #expect(execution.steps.map(\.failure?.code) == [nil, "output_too_large", nil])
        #expect(try fixture.committed().documents == ["1", "3"])
    }

    /// The input is stored with each step, so a cycle of failing steps with a large input must end.
    @Test func theInputsOfFailedStepsCountAgainstTheLimit() throws {
        let quarter = JSON.string(String(repeating: "x", count: Engine.Limits().recordSize / 4 - 10))
        let flow = FlowText.flow(
            start: "a", ["a": "fail"], [FlowText.condition("c", after: "a", success: "end", failure: "a")]
        ).replacing(["tasks", "0", "input"], with: quarter).replacing(["tasks", "0", "max_visits"], with: 1_000)
        let execution = try fixture.run(flow)
        #expect(execution.status == .failed && execution.stoppedAt == "a")
        #expect(execution.failure?.code == "run_too_large" && execution.steps.count == 4)
    }

    /// Every stored output can be read again.
    @Test func theDepthOfOutputsIsLimited() throws {
        let wrap = TestTask("wrap") { input, _ in [input] }
        let execution = try fixture.run(FlowText.chain(Array(repeating: "wrap", count: 70)), input: 1, tasks: [wrap])
        #expect(execution.steps.last?.failure?.code == "output_too_deep" && execution.steps.count == 65)
        let found = try Execution.find(execution.id, of: RunnerFixture.userID, on: fixture.connection)?.execution
        #expect(found?.steps.map(\.output) == execution.steps.map(\.output))
    }
}

/// Hooks that a caller adds to the commits of a run.
@Suite struct CompanionTests {
    private let fixture: RunnerFixture

    init() throws { fixture = try RunnerFixture() }

    /// Writes a document `open` with the first commit and one `close` with the last.
    private func hooks(open: @escaping () throws -> Void = {}) -> CommitHooks {
        CommitHooks(
            open: { connection in
                try open()
                try connection.execute(RunnerFixture.insertion(of: "open", value: nil))
            },
            close: { execution in [RunnerFixture.insertion(of: "close", value: .string(execution.status.rawValue))] })
    }

    @Test(arguments: [["pass", "pass"], ["keep"], ["pass", "keep", "pass"], ["fail"]])
    func commitsWithTheRun(types: [String]) throws {
        try fixture.run(FlowText.chain(types), with: hooks())
        let committed = try fixture.committed()
        #expect(committed.xids.count == 1)
        #expect(Set(committed.documents).isSuperset(of: ["open", "close"]))
        #expect(committed.steps == types.count)
    }

    @Test func opensOnceAndClosesOnce() throws {
        var count = 0
        let execution = try fixture.run(FlowText.chain(["keep", "keep", "keep"]), with: hooks { count += 1 })
        #expect(execution.status == .completed)
        #expect(count == 1)
        #expect(try fixture.committed().documents == ["1", "2", "3", "close", "open"])
        #expect(try fixture.committed().xids.count == 3)
    }

    /// The rollback of the effect also undoes the opening.
    @Test func opensAgainAfterAFailedEffect() throws {
        try fixture.run(FlowText.chain(["keep and fail", "pass"]), with: hooks())
        #expect(try fixture.committed().documents == ["close", "open"])
        #expect(try fixture.committed().xids.count == 1)
    }

    @Test(arguments: [["pass"], ["keep"]]) func aFailingOpenHookEndsTheRunBeforeItsFirstStep(types: [String]) throws {
        struct Claimed: Error {}
        #expect(throws: Claimed.self) {
            try fixture.run(FlowText.chain(types), with: hooks { throw Claimed() })
        }
        #expect(try fixture.committed() == .init(xids: [], documents: [], steps: 0, status: nil))
        #expect(fixture.connection.transactionStatus == .idle)
    }

    @Test func aFailingCloseHookRollsBackItsCommit() throws {
        let hooks = CommitHooks(open: { _ in }, close: { _ in [RunnerFixture.insertion(of: "1", value: nil)] })
        #expect(throws: PostgresError.self) { try fixture.run(FlowText.chain(["keep"]), with: hooks) }
        #expect(try fixture.committed() == .init(xids: [], documents: [], steps: 0, status: nil))
        #expect(fixture.connection.transactionStatus == .idle)
    }

    @Test func theCloseHookReceivesTheEndedRun() throws {
        var seen: [Execution] = []
        let hooks = CommitHooks(
            open: { _ in },
            close: { execution in
                seen.append(execution)
                return []
            })
        try fixture.run(FlowText.chain(["pass", "fail", "pass"]), with: hooks)
        #expect(seen.map(\.status) == [.endedEarly])
        #expect(seen.map(\.stoppedAt) == ["t2"])
        #expect(seen.map(\.steps.count) == [2])
    }
}
