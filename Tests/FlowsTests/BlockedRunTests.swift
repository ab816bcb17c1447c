import JSON
import Postgres
import TestSupport
import Testing

@testable import Flows

/// A queued run whose effect meets a transaction that does not end, as a stopped worker leaves one behind.
@Suite struct BlockedRunTests {
    private let place: RunnerPlace
    /// One that does not wait long for others.
    private let connection: Connection
    private let engine = Engine(
        catalog: TaskCatalog([TestTask("keep", effect: .transactional, body: RunnerPlace.keep)]),
        maxConcurrentRuns: nil)

    init() throws {
        place = try RunnerPlace()
        var configuration = place.database.application
        configuration.lockTimeout = .milliseconds(10)
        connection = Connection(configuration)
    }

    @Test func isNotGivenUpHoweverOftenItIsTried() throws {
        let other = place.database.connect()
        try other.begin()
        try other.execute(RunnerPlace.insertion(of: "1", value: "theirs"))
        try enqueue()
        for _ in 0...(2 * Claim.maximumClaims) {
            guard case .postponed = try work() else {
                Issue.record("not postponed")
                return
            }
        }

        other.rollback()
        guard case .ended = try work() else {
            Issue.record("did not end")
            return
        }
        #expect(try place.committed().status == "completed")
    }

    private func enqueue() throws {
        let plan = try engine.plan(FlowText.chain(["keep"]), on: connection)
        try engine.enqueue(
            Execution(id: RunnerPlace.executionID, userID: RunnerPlace.userID, flow: plan.flow.definition, input: 1),
            plan, on: connection)
    }

    /// What comes of the next claim, made due at once.
    private func work() throws -> ClaimOutcome {
        try place.database.connect().execute("UPDATE queue SET available_at = clock_timestamp()")
        let claim = try #require(try engine.claim(on: connection))
        return try engine.execute(claim, on: connection, Cancellation())
    }
}
