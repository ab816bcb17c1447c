import Crypto
import JSON
import Postgres
import TestSupport
import Testing

@testable import Flows

/// What a worker reads when it continues a run, and what it knows of the steps that it does not read.
@Suite struct WakeUpTests {
    private var fixture: EngineFixture
    private var connection: Connection { fixture.connection }

    init() throws { fixture = try EngineFixture() }

    /// A loop that asks a question at each visit of `a` and then passes its answer on.
    private func loop(visits: Int) -> JSON {
        FlowText.flow(
            start: "a", ["a": "question", "b": "pass"],
            [
                FlowText.condition("c", after: "a", success: "b", failure: "end"),
                FlowText.condition("d", after: "b", success: "a", failure: "end"),
            ]
        )
        .replacing(["tasks", "0", "max_visits"], with: JSON(visits))
        .replacing(["tasks", "1", "max_visits"], with: JSON(visits))
    }

    private func enqueue(_ flow: JSON) throws -> Execution {
        let run = Execution(id: UUIDv7.make(), userID: RunnerFixture.userID, flow: flow, input: "start")
        try fixture.engine.enqueue(run, try fixture.plan(run), on: connection)
        try fixture.work()
        return run
    }

    private func answer(_ run: Execution, _ value: JSON) throws {
        #expect(try fixture.signal(run, with: value))
        try fixture.work()
    }

    @Test func aWakeUpReadsTheSameNumberOfStepsForARunOfAnyLength() throws {
        let owner = fixture.runner.database.connect()
        // Not through a pooler: the test needs the counters of this session.
        let connection = fixture.runner.database.connect()
        func read() throws -> Int {
            try connection.execute("SELECT pg_stat_force_next_flush()")
            return try owner.query(
                """
                SELECT coalesce(sum(seq_tup_read + idx_tup_fetch), 0)::bigint FROM pg_stat_user_tables
                WHERE relname LIKE 'steps%'
                """
            ).only.decode(Int.self)
        }
        let run = try enqueue(loop(visits: 300))
        try self.connection.execute("SELECT pg_stat_force_next_flush()")
        // Each visit has two steps.
        var question = 1
        /// On this session alone, because others may report what they have read at any later time.
        func readByWakeUps(_ count: Int) throws -> Int {
            let before = try read()
            for number in 0..<count {
                #expect(try fixture.engine.signal(run.id, step: question, with: JSON(number), on: connection))
                question += 2
                let claim = try #require(try fixture.engine.claim(on: connection))
                #expect(claim.execution.steps.count <= 2)
                _ = try fixture.engine.execute(claim, on: connection, Cancellation())
            }
            return try read() - before
        }
        _ = try readByWakeUps(20)
        let early = try readByWakeUps(20)
        _ = try readByWakeUps(200)
        #expect(try readByWakeUps(20) <= early + 5)
    }

    @Test func visitsAreCountedAcrossWakeUps() throws {
        let run = try enqueue(loop(visits: 5))
        for number in 0..<5 { try answer(run, JSON(number)) }
        let found = try fixture.find(run)
        #expect(found.failure?.code == "max_visits" && found.stoppedAt == "a")
        #expect(found.steps.map(\.output) == (0..<10).map { JSON($0 / 2) })
        #expect(found.steps.map(\.number) == Array(1...10))
    }

    @Test func theSizeOfTheRecordIsCountedAcrossWakeUps() throws {
        let run = try enqueue(loop(visits: 100))
        let text = JSON.string(String(repeating: "x", count: Engine.Limits().recordSize / 4 - 100))
        for _ in 0..<2 { try answer(run, text) }
        #expect(try fixture.find(run).status == .waiting)
        try answer(run, text)
        #expect(try fixture.find(run).steps.last?.failure?.code == "output_too_large")
    }

    @Test func theCostIsCountedAcrossWakeUps() throws {
        _ = try Price.set("pass", cost: 3, isActive: nil, on: connection)
        try connection.execute(Ledger.grant(100, to: RunnerFixture.userID))
        let run = try enqueue(loop(visits: 4))
        for number in 0..<4 { try answer(run, JSON(number)) }
        let cost = try fixture.runner.database.connect().query(
            "SELECT cost FROM executions WHERE id = \(run.id)"
        ).only.decode(Int.self)
        #expect(cost == 12)
    }

    /// The input that a fork gives to a later step is not lost while the run waits.
    @Test func aForkKeepsItsInputAcrossWakeUps() throws {
        let run = try enqueue(FlowText.chain(["pass", "question", "pass"]))
        try answer(run, "first")
        let fork = try #require(
            try fixture.engine.fork(fixture.find(run), from: 2, input: "asked", version: nil, on: connection))
        try fixture.work()
        #expect(try fixture.find(fork).steps.last?.output == "asked", "the question stores its input")
        try answer(fork, "second")
        let found = try fixture.find(fork)
        #expect(found.steps.map(\.output) == ["start", "second", "second"])
        #expect(found.stepInputs == ["start", "asked", "second"])
    }

    @Test func aResumedRunContinuesFromItsWholeRecord() throws {
        let run = try enqueue(loop(visits: 4))
        for number in 0..<2 { try answer(run, JSON(number)) }
        #expect(try fixture.engine.cancel(run, on: connection))
        #expect(try fixture.engine.resume(fixture.find(run), fixture.plan(run), on: connection))
        try fixture.work()
        for number in 2..<4 { try answer(run, JSON(number)) }
        let found = try fixture.find(run)
        #expect(found.failure?.code == "max_visits")
        #expect(found.steps.filter { !$0.isSuperseded }.map(\.output) == (0..<8).map { JSON($0 / 2) })
    }

    /// A worker that stops (or isolates a suspect) interrupts a resumed run before its first step.
    @Test func aResumedRunThatIsInterruptedIsNotRestarted() throws {
        let run = try enqueue(FlowText.chain(["question", "question", "pass"]))
        try answer(run, "A")
        #expect(try fixture.engine.cancel(run, on: connection))
        #expect(try fixture.engine.resume(fixture.find(run), fixture.plan(run), on: connection))
        let claim = try #require(try fixture.engine.claim(on: connection))
        let cancellation = Cancellation()
        cancellation.requestAfterStep()
        _ = try fixture.engine.execute(claim, on: connection, cancellation)
        try fixture.work()
        #expect(try fixture.find(run).steps.map(\.task) == ["t1", "t2", "t2"])
    }

    /// The repeated step waits once more: then it still gets the output of the step before.
    @Test func aRepeatedStepKeepsItsInputAcrossWakeUps() throws {
        let run = try enqueue(FlowText.chain(["question", "question", "pass"]))
        try answer(run, "A")
        #expect(try fixture.engine.cancel(run, on: connection))
        #expect(try fixture.engine.resume(fixture.find(run), fixture.plan(run), on: connection))
        try fixture.work()
        #expect(try fixture.find(run).steps.last?.output == "A", "the question stores its input")
        // Woken without a signal, it asks again, and stores its input again.
        try connection.execute("UPDATE queue SET state = 'queued' WHERE execution_id = \(run.id)")
        try fixture.work()
        #expect(try fixture.find(run).steps.last?.output == "A")
    }
}
