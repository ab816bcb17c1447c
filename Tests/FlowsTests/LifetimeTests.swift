import Crypto
import JSON
import Postgres
import System
import TestSupport
import Testing

@testable import Flows

/// Waits as its input says: `after` so many seconds, or `at` a time.
private struct Delay: WaitingTask {
    let type = "delay"
    let summary = "Waits"
    let input = JSONSchema.any
    let output = JSONSchema.any

    func advance(_ input: JSON, in context: TaskContext) -> Progress {
        if let seconds = input["after"]?.doubleValue { return .wait(until: .after(.seconds(seconds)), storing: true) }
        return .wait(until: .at(input["at"]?.stringValue ?? ""), storing: true)
    }
}

/// No run outlives its lifetime.
@Suite struct LifetimeTests {
    private var fixture: EngineFixture
    /// The same a lifetime later.
    private let later: Engine
    private let ends = Recording<ExecutionStatus>()
    private var connection: Connection { fixture.connection }

    init() throws {
        fixture = try EngineFixture()
        fixture.engine = EngineFixture.engine([Delay()])
        var limits = Engine.Limits()
        limits.lifetime = RunLifetime(days: 0)
        later = EngineFixture.engine(limits: limits) { [ends] event in
            if case .runFinished(let status, _) = event { ends.add(status) }
        }
    }

    private func expire() throws { while try later.expireRuns(on: connection) {} }

    private static let month = 30 * 86_400.0

    /// The code of the run's failure; nil if it waits.
    private func refusal(of input: JSON, timeout: Double? = nil, retry: JSON? = nil) throws -> String? {
        var task = JSONObject([
            .init(name: "name", value: "t1"), .init(name: "type", value: "delay"), .init(name: "input", value: input),
        ])
        task["timeout"] = timeout.map(JSON.number)
        task["retry"] = retry
        let flow = FlowText.chain(["delay"]).replacing(["tasks", "0"], with: .object(task))
        let run = Execution(id: UUIDv7.make(), userID: RunnerFixture.userID, flow: flow, input: [:])
        try fixture.engine.enqueue(run, try fixture.plan(run), on: connection)
        try fixture.work()
        let found = try fixture.find(run)
        if found.status == .waiting { return nil }
        #expect(found.status == .failed && found.steps.last?.attempt == 1)
        return found.steps.last?.failure?.code
    }

    @Test func aWaitPastTheEndOfTheRunIsRefused() throws {
        func time(in seconds: Double) -> JSON {
            ["at": .string(RFC3339.text(milliseconds: (WallClock.seconds + Int64(seconds)) * 1_000))]
        }
        let retry: JSON = ["max_attempts": 5, "initial_delay": 0]
        for input: JSON in [["after": .number(Self.month + 1)], time(in: Self.month + 60)] {
            #expect(try refusal(of: input) == "run_lifetime_exceeded")
            #expect(try refusal(of: input, retry: retry) == "run_lifetime_exceeded")
            // The step ends before.
            #expect(try refusal(of: input, timeout: 60) == nil)
        }
        for input: JSON in [["after": .number(Self.month - 60)], time(in: Self.month - 60)] {
            #expect(try refusal(of: input) == nil)
        }
    }

    /// The step keeps the failure of its last attempt.
    @Test func aRetryPastTheEndOfTheRunIsNotMade() throws {
        var limits = Engine.Limits()
        limits.lifetime = RunLifetime(days: 1)
        var fixture = fixture
        fixture.engine = EngineFixture.engine(limits: limits)
        let retry: JSON = ["initial_delay": 86_400, "max_delay": 86_400, "jitter": 0]
        let flow = FlowText.chain(["fail"]).replacing(["tasks", "0", "retry"], with: retry)
        let run = Execution(id: UUIDv7.make(), userID: RunnerFixture.userID, flow: flow, input: [:])
        try fixture.engine.enqueue(run, try fixture.plan(run), on: connection)
        try fixture.work()
        #expect(try fixture.find(run).steps.map(\.failure?.code) == ["failed"])
        #expect(try fixture.find(run).status == .failed)
    }

    @Test func aRunThatHasLastedTooLongExpiresWithTheRunsThatItStarted() throws {
        let child = try fixture.store(["question"])
        let flow = FlowText.chain(["start"]).replacing(
            ["tasks", "0", "input"], with: ["workflow": JSON(child.source.workflowID), "count": 2])
        let parent = Execution(id: UUIDv7.make(), userID: RunnerFixture.userID, flow: flow, input: [:])
        try fixture.engine.enqueue(parent, try fixture.plan(parent), on: connection)
        try fixture.work()
        let leased = try fixture.run(.running)
        while try fixture.engine.expireRuns(on: connection) {}
        #expect(try connection.query("SELECT FROM queue").count == 4)
        try expire()
        #expect(try connection.query("SELECT FROM queue").isEmpty)
        #expect(ends.take() == [.expired, .canceled, .canceled, .expired])
        let found = try fixture.find(parent)
        #expect(found.status == .expired && found.failure?.code == "expired" && found.stoppedAt == "t1")
        #expect(found.steps.map(\.status) == [.canceled])
        #expect(try fixture.find(leased).status == .expired)
    }

    /// Its own lifetime is over before that of the run that waits for it, because their machines' clocks differ.
    @Test func theEndOfAnExpiredRunWakesTheRunThatStartedIt() throws {
        let child = try fixture.store(["question"])
        let flow = FlowText.chain(["start"]).replacing(
            ["tasks", "0", "input"], with: ["workflow": JSON(child.source.workflowID)])
        let parent = Execution(id: UUIDv7.make(), userID: RunnerFixture.userID, flow: flow, input: [:])
        try fixture.engine.enqueue(parent, try fixture.plan(parent), on: connection)
        try fixture.work()
        let id = try connection.query("SELECT execution_id FROM queue WHERE parent_id IS NOT NULL").only.decode(
            String.self)
        let old = try fixture.runner.database.age(id, days: 31)
        #expect(try !fixture.engine.expireRuns(on: connection))
        try fixture.work()
        #expect(try fixture.find(parent).status == .completed)
        let failed = try connection.query("SELECT status, error->>'code' FROM executions WHERE id = \(old)").only
        #expect(try failed.decode(String.self, String.self) == ("expired", "expired"))
    }

    @Test func heldCreditsAreReleased() throws {
        try fixture.runner.database.connect().execute("INSERT INTO prices VALUES ('pass', 5, true)")
        try connection.execute(Ledger.grant(20, to: RunnerFixture.userID))
        _ = try fixture.run(.waiting)
        _ = try fixture.enqueue(["pass", "pass"])
        func credits() throws -> (balance: Int, held: Int) {
            try connection.query("SELECT balance, held FROM credits").only.decode(Int.self, Int.self)
        }
        #expect(try credits() == (5, 10))
        try expire()
        #expect(try credits() == (15, 0))
    }

    @Test func aRunThatHasLastedTooLongIsNotClaimed() throws {
        let run = try fixture.enqueue(["pass"])
        #expect(try later.claim(on: connection) == nil)
        try expire()
        #expect(try fixture.find(run).status == .expired)
    }

    /// Resumed, it would expire at once.
    @Test func anOldRunIsNotResumed() throws {
        let (failed, waiting) = (try fixture.run(.failed), try fixture.run(.waiting))
        #expect(try !later.resume(failed, fixture.plan(failed), on: connection))
        try expire()
        #expect(try !fixture.engine.resume(fixture.find(waiting), fixture.plan(waiting), on: connection))
        #expect(try fixture.engine.resume(failed, fixture.plan(failed), on: connection))
    }
}
