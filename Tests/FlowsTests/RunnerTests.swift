import JSON
import Postgres
import TestSupport
import Testing

@testable import Flows

/// Runs against Postgres. What is committed together carries the number of one transaction: the rows' `xmin`.
@Suite struct RunnerTests {
    private let place: RunnerPlace

    init() throws { place = try RunnerPlace() }

    @Test func aChainOfPureTasksCommitsOnce() throws {
        let execution = try place.run(FlowText.chain(Array(repeating: "pass", count: 50)), input: ["x": 1])
        #expect(execution.status == .completed)
        #expect(execution.stoppedAt == nil)
        #expect(execution.steps.map(\.number) == Array(1...50))
        #expect(execution.result == ["x": 1])
        #expect(try place.committed().xids.count == 1)
        #expect(try place.committed().steps == 50)
    }

    @Test func anEffectAtTheEndCommitsWithTheRun() throws {
        let execution = try place.run(FlowText.chain(["pass", "sum", "keep"]), input: ["numbers": [1, 2]])
        #expect(execution.result == ["numbers": [1, 2]])
        #expect(
            try place.committed()
                == .init(xids: place.committed().xids, documents: ["3"], steps: 3, status: "completed"))
        #expect(try place.committed().xids.count == 1)
    }

    @Test func anEffectIsCommittedBeforeTheNextBegins() throws {
        let database = place.database
        let look = TestTask("look", effect: .transactional) { input, context in
            let committed = try RunnerPlace.committed(in: database)
            #expect(committed.documents == ["1"])
            #expect(committed.steps == 2)
            #expect(committed.status == "running")
            return try RunnerPlace.keep(input, context)
        }
        let execution = try place.run(FlowText.chain(["keep", "pass", "look", "pass"]), tasks: [look])
        #expect(execution.status == .completed)
        let committed = try place.committed()
        #expect(committed.xids.count == 2)
        #expect(committed.documents == ["1", "3"])
        #expect(committed.steps == 4)
        #expect(committed.status == "completed")
    }

    @Test func aLongRunCommitsOnItsWay() throws {
        let execution = try place.run(FlowText.chain(Array(repeating: "pass", count: 300)))
        #expect(execution.steps.count == 300)
        #expect(try place.committed().steps == 300)
        #expect(try place.committed().xids.count == 2)
    }

    @Test func aFailedEffectLeavesNothing() throws {
        let execution = try place.run(FlowText.flow(start: "a", ["a": "keep and fail"]))
        #expect(execution.status == .failed)
        #expect(execution.stoppedAt == "a")
        #expect(execution.steps.first?.failure == TaskFailure(code: "full", message: "No room"))
        #expect(try place.committed().documents == [])
        #expect(try place.committed().steps == 1)
        #expect(try place.committed().status == "failed")
        #expect(try place.committed().xids.count == 1)
    }

    @Test func afterAFailedEffectTheRunGoesOn() throws {
        let flow = FlowText.chain(["pass", "keep and fail", "keep"])
            .replacing(["conditions", "1", "target_task_failure"], with: "t3")
        let execution = try place.run(flow)
        #expect(execution.status == .completed)
        #expect(execution.steps.map(\.status) == [.success, .failure, .success])
        #expect(try place.committed().documents == ["3"])
        #expect(try place.committed().xids.count == 1)
    }

    @Test func aPureFailureLeavesTheEffectBeforeItAlone() throws {
        let execution = try place.run(FlowText.chain(["keep", "fail", "pass"]))
        #expect(execution.status == .endedEarly)
        #expect(execution.stoppedAt == "t2")
        #expect(try place.committed().documents == ["1"])
        #expect(try place.committed().steps == 2)
        #expect(try place.committed().xids.count == 1)
    }

    @Test func anInputThatDoesNotFitFailsTheStep() throws {
        let execution = try place.run(FlowText.chain(["keep", "sum"]), input: ["numbers": [1, "2"]])
        #expect(
            execution.steps.map(\.failure) == [
                nil, TaskFailure(code: "invalid_input", message: "/numbers/1: must be a number"),
            ])
        #expect(try place.committed().documents == ["1"])
    }

    @Test func anInputOfTheWrongTypeIsNamedPlainly() throws {
        let execution = try place.run(FlowText.chain(["sum"]), input: [1])
        #expect(execution.steps.first?.failure?.message == "must be an object")
    }

    @Test func aDatabaseErrorEndsTheRunWithNothingDone() throws {
        let broken = TestTask("broken", effect: .transactional) { input, context in
            _ = try RunnerPlace.keep(input, context)
            return try RunnerPlace.keep(input, context)
        }
        let error = #expect(throws: PostgresError.self) {
            try place.run(FlowText.chain(["pass", "broken"]), tasks: [broken])
        }
        #expect(error?.sqlState == .uniqueViolation)
        #expect(try place.committed() == .init(xids: [], documents: [], steps: 0, status: nil))
        #expect(place.connection.transactionStatus == .idle)
        #expect(try place.run(FlowText.chain(["keep"])).status == .completed)
    }

    @Test func anyOtherErrorEndsTheRunToo() throws {
        struct Surprise: Error {}
        let broken = TestTask("broken") { _, _ in throw Surprise() }
        #expect(throws: Surprise.self) { try place.run(FlowText.chain(["keep", "broken"]), tasks: [broken]) }
        #expect(try place.committed() == .init(xids: [], documents: [], steps: 0, status: nil))
        #expect(place.connection.transactionStatus == .idle)
    }

    @Test func aConnectionLostBeforeTheFirstCommitLeavesNothing() throws {
        let error = #expect(throws: PostgresError.self) {
            try place.run(FlowText.chain(["pass", "keep", "cut", "pass"]))
        }
        #expect(error?.isUnavailability == true)
        #expect(try place.committed() == .init(xids: [], documents: [], steps: 0, status: nil))
        #expect(try place.run(FlowText.chain(["keep"])).status == .completed)
    }

    @Test func aConnectionLostLaterLeavesWhatWasCommitted() throws {
        #expect(throws: PostgresError.self) { try place.run(FlowText.chain(["keep", "keep", "cut"])) }
        #expect(
            try place.committed() == .init(xids: place.committed().xids, documents: ["1"], steps: 1, status: "running"))
    }

    /// Neither with an effect in the same commit nor alone, after a failed effect, nor in the middle of a run.
    @Test(arguments: [["keep", "end and keep"], ["keep", "end and fail"], ["keep", "end and keep", "keep"]])
    func aRunThatIsSomebodyElsesWritesNoMore(types: [String]) throws {
        let database = place.database
        let tasks = ["end and keep", "end and fail"].map { type in
            TestTask(type, effect: .transactional) { input, context in
                try database.connect().execute("DELETE FROM queue")
                if type == "end and fail" { throw TaskFailure(code: "failed", message: "on purpose") }
                return try RunnerPlace.keep(input, context)
            }
        }
        #expect(throws: Fenced.self) { try place.run(FlowText.chain(types), tasks: tasks) }
        #expect(
            try place.committed() == .init(xids: place.committed().xids, documents: ["1"], steps: 1, status: "running"))
        #expect(place.connection.transactionStatus == .idle)
    }

    @Test(.needsSession("a pooler may lend the next statement a session that has just been lost"))
    func aConnectionLostWhileNothingIsHeldHarmsNobody() throws {
        #expect(try place.run(FlowText.chain(["pass", "cut", "pass"])).status == .completed)
        #expect(try place.committed().steps == 3)
    }

    /// The server goes away in the middle of COMMIT: asked afterwards, it knows nothing of the run.
    @Test func aCommitThatWasBrokenOffIsAnError() throws {
        try place.database.connect().execute(
            unsafeScript: """
                CREATE FUNCTION leave() RETURNS trigger LANGUAGE plpgsql AS
                    $$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END $$;
                CREATE CONSTRAINT TRIGGER leave AFTER INSERT ON documents DEFERRABLE INITIALLY DEFERRED
                    FOR EACH ROW EXECUTE FUNCTION leave();
                """)
        let error = #expect(throws: PostgresError.self) { try place.run(FlowText.chain(["keep"])) }
        #expect(error?.kind == .commitUnknown)
        #expect(try place.committed() == .init(xids: [], documents: [], steps: 0, status: nil))
        #expect(try place.run(FlowText.chain(["pass"])).status == .completed)
    }

    @Test func outputsHaveALimitTogether() throws {
        let half = String(repeating: "x", count: Runner.outputLimit / 2 + 1)
        let large = TestTask("large", effect: .transactional) { input, context in
            _ = try RunnerPlace.keep(input, context)
            return .string(half)
        }
        let flow = FlowText.chain(["large", "large", "keep"])
            .replacing(["conditions", "1", "target_task_failure"], with: "t3")
        let execution = try place.run(flow, tasks: [large])
        #expect(execution.steps.map(\.failure?.code) == [nil, "output_too_large", nil])
        #expect(try place.committed().documents == ["1", "3"])
    }

    /// What a step was given is shown with it, so a cycle of failures with a large input must not go on for ever.
    @Test func theInputsOfFailedStepsTakeRoomInTheRecordToo() throws {
        let quarter = JSON.string(String(repeating: "x", count: Runner.outputLimit / 4 - 10))
        let flow = FlowText.flow(
            start: "a", ["a": "fail"], [FlowText.condition("c", after: "a", success: "end", failure: "a")]
        ).replacing(["tasks", "0", "input"], with: quarter).replacing(["tasks", "0", "max_visits"], with: 1_000)
        let execution = try place.run(flow)
        #expect(execution.status == .failed && execution.stoppedAt == "a")
        #expect(execution.failure?.code == "run_too_large" && execution.steps.count == 4)
    }

    /// What is on record can be read again.
    @Test func outputsAreAsDeepAsADocumentAtMost() throws {
        let wrap = TestTask("wrap") { input, _ in [input] }
        let execution = try place.run(FlowText.chain(Array(repeating: "wrap", count: 70)), input: 1, tasks: [wrap])
        #expect(execution.steps.last?.failure?.code == "output_too_deep" && execution.steps.count == 65)
        let found = try Execution.find(execution.id, of: RunnerPlace.userID, on: place.connection)?.execution
        #expect(found?.steps.map(\.output) == execution.steps.map(\.output))
    }
}

/// What a caller adds to a run's commits.
@Suite struct CompanionTests {
    private let place: RunnerPlace

    init() throws { place = try RunnerPlace() }

    /// Writes a document `open` with the first commit and one `close` with the last.
    private func hooks(open: @escaping () throws -> Void = {}) -> CommitHooks {
        CommitHooks(
            open: { connection in
                try open()
                try connection.execute(RunnerPlace.insertion(of: "open", value: nil))
            },
            close: { execution in [RunnerPlace.insertion(of: "close", value: .string(execution.status.rawValue))] })
    }

    @Test(arguments: [["pass", "pass"], ["keep"], ["pass", "keep", "pass"], ["fail"]])
    func commitsWithTheRun(types: [String]) throws {
        try place.run(FlowText.chain(types), with: hooks())
        let committed = try place.committed()
        #expect(committed.xids.count == 1)
        #expect(Set(committed.documents).isSuperset(of: ["open", "close"]))
        #expect(committed.steps == types.count)
    }

    @Test func opensOnceAndClosesOnce() throws {
        var count = 0
        let execution = try place.run(FlowText.chain(["keep", "keep", "keep"]), with: hooks { count += 1 })
        #expect(execution.status == .completed)
        #expect(count == 1)
        #expect(try place.committed().documents == ["1", "2", "3", "close", "open"])
        #expect(try place.committed().xids.count == 3)
    }

    /// The rolled-back effect takes the opening with it.
    @Test func opensAgainAfterAFailedEffect() throws {
        try place.run(FlowText.chain(["keep and fail", "pass"]), with: hooks())
        #expect(try place.committed().documents == ["close", "open"])
        #expect(try place.committed().xids.count == 1)
    }

    @Test(arguments: [["pass"], ["keep"]]) func endsARunBeforeAnythingIsDone(types: [String]) throws {
        struct Claimed: Error {}
        #expect(throws: Claimed.self) {
            try place.run(FlowText.chain(types), with: hooks { throw Claimed() })
        }
        #expect(try place.committed() == .init(xids: [], documents: [], steps: 0, status: nil))
        #expect(place.connection.transactionStatus == .idle)
    }

    @Test func aClosingThatFailsUndoesItsCommit() throws {
        let hooks = CommitHooks(open: { _ in }, close: { _ in [RunnerPlace.insertion(of: "1", value: nil)] })
        #expect(throws: PostgresError.self) { try place.run(FlowText.chain(["keep"]), with: hooks) }
        #expect(try place.committed() == .init(xids: [], documents: [], steps: 0, status: nil))
        #expect(place.connection.transactionStatus == .idle)
    }

    @Test func seesTheRunAtItsEnd() throws {
        var seen: [Execution] = []
        let hooks = CommitHooks(
            open: { _ in },
            close: { execution in
                seen.append(execution)
                return []
            })
        try place.run(FlowText.chain(["pass", "fail", "pass"]), with: hooks)
        #expect(seen.map(\.status) == [.endedEarly])
        #expect(seen.map(\.stoppedAt) == ["t2"])
        #expect(seen.map(\.steps.count) == [2])
    }
}
