import Crypto
import JSON
import Postgres
import TestSupport
import Testing

@testable import Flows

/// What the engine reports.
@Suite struct EngineEventTests {
    private let place: RunnerPlace
    private let events = Recording<EngineEvent>()
    private let engine: Engine
    private var connection: Connection { place.connection }

    init() throws {
        place = try RunnerPlace()
        let database = place.database
        let cancel = TestTask("cancel its run") { input, context in
            let other = database.connectAsApplication()
            let engine = Engine(catalog: .plain, maxConcurrentRuns: nil)
            guard let run = try Execution.find(context.executionID, of: context.userID, on: other)?.execution
            else { throw TaskFailure(code: "not_found", message: "The run is not stored") }
            #expect(try engine.cancel(run, on: other))
            return input
        }
        engine = Engine(
            catalog: TaskCatalog(TaskCatalog.plain.tasks + [cancel]), maxConcurrentRuns: nil,
            observe: { [events] in events.add($0) })
    }

    private func execution(_ types: [String]) -> Execution {
        Execution(id: UUIDv7.make(), userID: RunnerPlace.userID, flow: FlowText.chain(types), input: [:])
    }

    private func run(_ execution: Execution) throws {
        _ = try engine.run(execution, engine.plan(execution.flow, on: connection), on: connection, with: nil)
    }

    private func enqueue(_ execution: Execution) throws {
        try engine.enqueue(execution, engine.plan(execution.flow, on: connection), on: connection)
    }

    /// The events since the last call, as words; their durations are not negative.
    private func words() -> [String] {
        events.take().map { event in
            switch event {
            case .claimed: return "claimed"
            case .committed: return "committed"
            case .stepFinished(let type, let status, let duration):
                #expect(duration >= .zero)
                return "\(type) \(status)"
            case .runFinished(let status, let duration):
                #expect(duration > .zero)
                return "run \(status)"
            case .leaseLost: return "lease lost"
            }
        }
    }

    @Test func aCallReportsItsCommitItsStepsAndItsEnd() throws {
        try run(execution(["pass", "fail"]))
        #expect(words() == ["committed", "pass success", "fail failure", "run failed"])
        try run(execution(["keep", "pass", "keep"]))
        #expect(
            words() == [
                "committed", "keep success", "pass success", "committed", "keep success", "run completed",
            ])
    }

    @Test func aWorkerReportsItsClaim() throws {
        let queued = execution(["pass"])
        try enqueue(queued)
        #expect(words() == [])
        let claim = try #require(try engine.claim(on: connection))
        #expect(events.take() == [.claimed(executionID: queued.id)])
        _ = try engine.execute(claim, on: connection, Cancellation())
        #expect(words() == ["committed", "pass success", "run completed"])
        #expect(try engine.claim(on: connection) == nil)
        #expect(words() == [])
    }

    @Test func aReleasedRunHasLostNothing() throws {
        try enqueue(execution(["pass"]))
        let claim = try #require(try engine.claim(on: connection))
        try engine.release(claim, on: connection)
        #expect(words() == ["claimed"])
    }

    /// The worker that lost its lease releases the run as it does one that was interrupted.
    @Test func aLostLeaseIsReportedOnce() throws {
        let queued = execution(["keep"])
        try enqueue(queued)
        let first = try #require(try engine.claim(on: connection))
        try place.database.connect().execute("UPDATE queue SET lease_until = now() - interval '1 second'")
        #expect(try engine.rescue(on: connection) == 1)
        let second = try #require(try engine.claim(on: connection))
        #expect(words() == ["claimed", "claimed"])
        guard case .lost = try engine.execute(first, on: connection, Cancellation()) else {
            Issue.record("the first worker continued")
            return
        }
        #expect(words() == [], "its commit failed")
        try engine.release(first, on: connection)
        #expect(events.take() == [.leaseLost(executionID: queued.id)])
        _ = try engine.execute(second, on: connection, Cancellation())
        #expect(words() == ["committed", "keep success", "run completed"])
    }

    @Test func aCallLosesTheLeaseOfACanceledRun() throws {
        let canceled = execution(["keep", "keep", "cancel its run"])
        #expect(throws: Fenced.self) { try run(canceled) }
        #expect(words() == ["committed", "keep success", "lease lost"])
    }

    @Test func aCanceledRunEndsWithThoseThatItStarted() throws {
        let parent = execution(["pass"])
        try enqueue(parent)
        for item in 0..<2 {
            var child = execution(["pass"])
            child.parent = Execution.Parent(executionID: parent.id, step: 1, item: item)
            try enqueue(child)
        }
        #expect(try engine.cancel(parent, on: connection))
        #expect(words() == Array(repeating: "run canceled", count: 3))
        #expect(try !engine.cancel(parent, on: connection))
        #expect(words() == [])
    }

    @Test func aRunThatIsGivenUpHasFailed() throws {
        try enqueue(execution(["pass"]))
        try place.database.connect().execute("UPDATE queue SET claims = \(Claim.maximumClaims)")
        let claim = try #require(try engine.claim(on: connection))
        _ = try engine.execute(claim, on: connection, Cancellation())
        #expect(words() == ["claimed", "run failed"])
    }
}
