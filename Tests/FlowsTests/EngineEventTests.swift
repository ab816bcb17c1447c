import Crypto
import JSON
import Postgres
import TestSupport
import Testing

@testable import Flows

/// The events that the engine reports.
@Suite struct EngineEventTests {
    private let fixture: RunnerFixture
    private let events = Recording<EngineEvent>()
    private let engine: Engine
    private var connection: Connection { fixture.connection }

    init() throws {
        fixture = try RunnerFixture()
        let database = fixture.database
        let cancel = TestTask("cancel its run") { input, context in
            let other = database.connectAsApplication()
            let engine = Engine(catalog: .plain)
            guard let run = try Execution.find(context.executionID, of: context.userID, on: other)?.execution
            else { throw TaskFailure(code: "not_found", message: "The run is not stored") }
            #expect(try engine.cancel(run, on: other))
            return input
        }
        engine = Engine(
            catalog: TaskCatalog(TaskCatalog.plain.tasks + [cancel]),
            observe: { [events] in events.add($0) })
    }

    private func execution(_ types: [String]) -> Execution {
        Execution(id: UUIDv7.make(), userID: RunnerFixture.userID, flow: FlowText.chain(types), input: [:])
    }

    private func run(_ execution: Execution) throws {
        _ = try engine.run(
            execution, engine.plan(execution.flow, for: RunnerFixture.userID, on: connection), on: connection, with: nil
        )
    }

    private func enqueue(_ execution: Execution) throws {
        try engine.enqueue(
            execution, engine.plan(execution.flow, for: RunnerFixture.userID, on: connection), on: connection)
    }

    /// The events since the last call, as text. Checks that durations are not negative.
    private func eventTexts() -> [String] {
        events.take().compactMap { event in
            switch event {
            case .stepStarted: return nil
            case .claimed: return "claimed"
            case .committed: return "committed"
            case .stepFinished(let step):
                #expect(step.duration >= .zero && step.attempts > 0)
                return "\(step.type) \(step.status)"
            case .runFinished(let status, let duration):
                #expect(duration > .zero)
                return "run \(status)"
            case .treeFull: return "tree full"
            case .monthsMissing, .historyLocked, .historyDropped: return "history"
            case .leaseLost: return "lease lost"
            case .callsChanged(let running, let waiting): return "calls \(running) \(waiting)"
            case .callEnded(let call): return "\(call.type) \(call.outcome)"
            }
        }
    }

    @Test func aCallReportsCommitsStepsAndTheEnd() throws {
        try run(execution(["pass", "fail"]))
        #expect(eventTexts() == ["committed", "pass success", "fail failure", "run failed"])
        try run(execution(["keep", "pass", "keep"]))
        #expect(
            eventTexts() == [
                "committed", "keep success", "pass success", "committed", "keep success", "run completed",
            ])
    }

    @Test func aWorkerReportsItsClaim() throws {
        let queued = execution(["pass"])
        try enqueue(queued)
        #expect(eventTexts() == [])
        let claim = try #require(try engine.claim(on: connection))
        #expect(events.take() == [.claimed(executionID: queued.id)])
        _ = try engine.execute(claim, on: connection, Cancellation())
        #expect(eventTexts() == ["committed", "pass success", "run completed"])
        #expect(try engine.claim(on: connection) == nil)
        #expect(eventTexts() == [])
    }

    @Test func aReleasedRunReportsNoLostLease() throws {
        try enqueue(execution(["pass"]))
        let claim = try #require(try engine.claim(on: connection))
        try engine.release(claim.execution.id, lease: claim.lease, on: connection)
        #expect(eventTexts() == ["claimed"])
    }

    /// A worker that lost its lease releases the run, as after an interruption.
    @Test func aLostLeaseIsReportedOnce() throws {
        let queued = execution(["keep"])
        try enqueue(queued)
        let first = try #require(try engine.claim(on: connection))
        try fixture.database.connect().execute("UPDATE queue SET lease_until = now() - interval '1 second'")
        #expect(try engine.rescue(on: connection) == 1)
        let second = try #require(try engine.claim(on: connection))
        #expect(eventTexts() == ["claimed", "claimed"])
        guard case .lost = try engine.execute(first, on: connection, Cancellation()) else {
            Issue.record("the first worker continued")
            return
        }
        #expect(eventTexts() == [], "its commit failed")
        try engine.release(first.execution.id, lease: first.lease, on: connection)
        #expect(events.take() == [.leaseLost(executionID: queued.id)])
        _ = try engine.execute(second, on: connection, Cancellation())
        #expect(eventTexts() == ["committed", "keep success", "run completed"])
    }

    @Test func aCanceledRunOfACallReportsALostLease() throws {
        let canceled = execution(["keep", "keep", "cancel its run"])
        #expect(throws: Fenced.self) { try run(canceled) }
        #expect(eventTexts() == ["committed", "keep success", "lease lost"])
    }

    @Test func aCanceledRunReportsTheEndOfItsChildren() throws {
        let parent = execution(["pass"])
        try enqueue(parent)
        for item in 0..<2 {
            var child = execution(["pass"])
            child.parent = Execution.Parent(executionID: parent.id, step: 1, item: item)
            try enqueue(child)
        }
        try connection.begin()
        #expect(try engine.cancel(parent, on: connection))
        connection.rollback()
        #expect(eventTexts() == [], "it was not committed")
        #expect(try engine.cancel(parent, on: connection))
        #expect(eventTexts() == Array(repeating: "run canceled", count: 3))
        #expect(try !engine.cancel(parent, on: connection))
        #expect(eventTexts() == [])
    }

    @Test func aRunWithTooManyClaimsIsReportedAsFailed() throws {
        try enqueue(execution(["pass"]))
        try fixture.database.connect().execute("UPDATE queue SET claims = \(Claim.maximumClaims)")
        let claim = try #require(try engine.claim(on: connection))
        _ = try engine.execute(claim, on: connection, Cancellation())
        #expect(eventTexts() == ["claimed", "run failed"])
    }
}
