import Crypto
import JSON
import Postgres
import System
import TestSupport
import Testing

@testable import Flows

/// How long runs occupy a thread: that of their call, and that of a worker.
@Suite struct ThreadTimeTests {
    private let fixture: RunnerFixture
    private let otherUser = UUIDv7.make()
    /// Occupies its thread for 20 milliseconds.
    private let slow = TestTask("slow") { input, _ in
        let end = ContinuousClock.now + .milliseconds(20)
        while .now < end {}
        return input
    }

    /// Uses 20 milliseconds of processor time.
    private let busy = TestTask("busy") { input, _ in
        let end = ProcessorTime.ofThread + .milliseconds(20)
        while ProcessorTime.ofThread < end {}
        return input
    }

    /// Waits 30 milliseconds for the database.
    private let sleep = TestTask("sleep") { input, context in
        try context.connection.execute("SELECT pg_sleep(0.03)")
        return input
    }

    private var connection: Connection { fixture.connection }

    init() throws {
        fixture = try RunnerFixture()
        try fixture.database.connect().execute(
            "INSERT INTO users (id, username, password_hash) VALUES (\(otherUser), 'other', '-')")
    }

    private func engine(_ change: (inout Engine.Limits) -> Void) -> Engine {
        var limits = Engine.Limits()
        (limits.callTime, limits.timeSlice) = (.seconds(60), .seconds(60))
        change(&limits)
        return Engine(catalog: TaskCatalog(TaskCatalog.plain.tasks + [slow, busy, sleep]), limits: limits)
    }

    private func execution(_ types: [String], of userID: String = RunnerFixture.userID) -> Execution {
        Execution(id: UUIDv7.make(), userID: userID, flow: FlowText.chain(types), input: 1)
    }

    private func enqueue(_ execution: Execution, by engine: Engine) throws {
        try engine.enqueue(
            execution, try engine.plan(execution.flow, for: RunnerFixture.userID, on: connection), on: connection)
    }

    /// Claims the run that is first in line and executes it; returns its id and the number of its steps.
    private func work(by engine: Engine) throws -> (id: String, steps: Int)? {
        guard let claim = try engine.claim(on: connection) else { return nil }
        #expect(claim.claims == 1, "a run that yields has made progress")
        _ = try engine.execute(claim, on: connection, Cancellation())
        let found = try Execution.find(claim.execution.id, of: claim.execution.userID, on: connection)
        return (claim.execution.id, try #require(found).execution.steps.count)
    }

    @Test func aWorkerContinuesARunThatHasOccupiedTheThreadOfItsCall() throws {
        let engine = engine { $0.callTime = .milliseconds(10) }
        let run = execution(["slow", "slow", "keep", "pass"])
        let plan = try engine.plan(run.flow, for: RunnerFixture.userID, on: connection)
        guard case .waits(let waiting) = try engine.call(run, plan, on: connection, with: nil, answer: { $0 }) else {
            throw TestFailure("the run keeps its thread")
        }
        #expect(waiting.steps.count == 1)
        let worked = try #require(try work(by: engine))
        #expect(worked == (run.id, 4))
        let ended = try #require(try Execution.find(run.id, of: run.userID, on: connection)).execution
        #expect(ended.status == .completed && ended.result == 1)
    }

    @Test func aLongRunLetsOtherRunsHaveTheirTurn() throws {
        let engine = engine { $0.timeSlice = .milliseconds(10) }
        let (long, short) = (execution(["slow", "slow", "slow"]), execution(["pass"], of: otherUser))
        try enqueue(long, by: engine)
        try enqueue(short, by: engine)
        var turns: [String] = []
        while let turn = try work(by: engine) { turns.append(turn.id) }
        #expect(turns == [long.id, short.id, long.id, long.id])
        let ended = try #require(try Execution.find(long.id, of: long.userID, on: connection)).execution
        #expect(ended.status == .completed && ended.steps.count == 3)
    }

    @Test func aRunHasABudgetOfProcessorTime() throws {
        let engine = engine { $0.processorTime = .milliseconds(50) }
        let run = execution(Array(repeating: "busy", count: 10))
        let ended = try engine.run(
            run, try engine.plan(run.flow, for: RunnerFixture.userID, on: connection), on: connection, with: nil
        ).execution
        #expect(ended.status == .failed && ended.failure?.code == "processor_time_exceeded")
        #expect((2...3).contains(ended.steps.count) && ended.stoppedAt == "t\(ended.steps.count + 1)")
    }

    /// Time that passes while the processor is not used does not count.
    @Test func aRunThatSleepsUsesNoProcessorTime() throws {
        let engine = engine { $0.processorTime = .milliseconds(50) }
        let run = execution(["sleep", "sleep", "sleep", "pass"])
        let ended = try engine.run(
            run, try engine.plan(run.flow, for: RunnerFixture.userID, on: connection), on: connection, with: nil
        ).execution
        #expect(ended.status == .completed)
    }

    @Test(arguments: [false, true])
    func slicesAndAResumeDoNotResetTheBudget(cancels: Bool) throws {
        let engine = engine { ($0.timeSlice, $0.processorTime) = (.milliseconds(10), .milliseconds(50)) }
        let run = execution(Array(repeating: "busy", count: 10))
        func ended() throws -> Execution {
            try #require(try Execution.find(run.id, of: run.userID, on: connection)).execution
        }
        try enqueue(run, by: engine)
        if cancels {
            while try ended().steps.isEmpty { _ = try work(by: engine) }
            #expect(try engine.cancel(ended(), on: connection))
        } else {
            while try work(by: engine) != nil {}
            #expect(try ended().failure?.code == "processor_time_exceeded")
        }
        let resumed = try ended()
        #expect(
            try engine.resume(
                resumed, try engine.plan(run.flow, for: RunnerFixture.userID, on: connection), on: connection))
        while try work(by: engine) != nil {}
        let last = try ended()
        #expect(last.failure?.code == "processor_time_exceeded")
        #expect((2...3).contains(last.steps.count { $0.status == .success }))
    }

    @Test func theRunsOfAUserOccupyTheirShareOfTheThreads() throws {
        struct Failed: Error {}
        let shares = ThreadShares(limit: 2)
        shares.occupying(for: "a") {
            #expect(throws: Failed.self) { try shares.occupying(for: "a") { throw Failed() } }
            shares.occupying(for: "a") {
                #expect(shares.occupying(for: "a") { true } == nil)
                #expect(shares.occupying(for: "b") { true } == true)
            }
            #expect(shares.occupying(for: "a") { true } == true)
        }
        let engine = engine { $0.threadsPerUser = 0 }
        let run = execution(["pass"])
        let plan = try engine.plan(run.flow, for: RunnerFixture.userID, on: connection)
        #expect(try engine.call(run, plan, on: connection, with: nil, answer: { _ in () }) == nil)
    }
}
