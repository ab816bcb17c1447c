import Crypto
import JSON
import Postgres
import TestSupport
import Testing

@testable import Flows

/// A queued run with an effect that is blocked by an open transaction, such as that of a stopped worker.
@Suite struct BlockedRunTests {
    private let fixture: RunnerFixture
    /// A connection with a short lock timeout.
    private let connection: Connection
    private let engine = Engine(
        catalog: TaskCatalog([TestTask("keep", effect: .transactional, body: RunnerFixture.keep)]))

    init() throws {
        fixture = try RunnerFixture()
        var configuration = fixture.database.application
        configuration.lockTimeout = .milliseconds(10)
        connection = Connection(configuration)
    }

    @Test func aBlockedRunIsPostponedWithoutLimit() throws {
        let other = fixture.database.connect()
        try other.begin()
        try other.execute(RunnerFixture.insertion(of: "1", value: "theirs"))
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
        #expect(try fixture.committed().status == "completed")
    }

    private func enqueue() throws {
        let plan = try engine.plan(FlowText.chain(["keep"]), for: RunnerFixture.userID, on: connection)
        try engine.enqueue(
            Execution(
                id: UUIDv7.make(), userID: RunnerFixture.userID, flow: plan.flow.definition, input: 1),
            plan, on: connection)
    }

    /// Makes the run due, claims and executes it.
    private func work() throws -> ClaimOutcome {
        try fixture.database.connect().execute("UPDATE queue SET state = 'queued'")
        let claim = try #require(try engine.claim(on: connection))
        return try engine.execute(claim, on: connection, Cancellation())
    }
}
