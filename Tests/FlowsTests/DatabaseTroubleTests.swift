import Crypto
import JSON
import Postgres
import Synchronization
import TestSupport
import Testing

@testable import Flows

/// Runs that the database keeps from continuing, although no worker has died.
@Suite struct DatabaseTroubleTests {
    private let fixture: RunnerFixture
    private let engine: Engine
    /// The condition that the run's task meets; nil: none.
    private let condition = Condition()

    private final class Condition: Sendable {
        let sqlState = Mutex<String?>(nil)
    }

    private var connection: Connection { fixture.connection }

    init() throws {
        fixture = try RunnerFixture()
        try fixture.database.connect().execute(
            """
            CREATE FUNCTION meet_trouble(state text) RETURNS void LANGUAGE plpgsql
            AS $$ BEGIN RAISE EXCEPTION 'trouble' USING ERRCODE = state; END $$
            """)
        let condition = condition
        let task = TestTask("store", effect: .transactional) { input, context in
            if let state = condition.sqlState.withLock(\.self) {
                _ = try context.connection.query("SELECT meet_trouble(\(state))")
            }
            return input
        }
        engine = Engine(catalog: TaskCatalog([task]))
    }

    private func enqueue() throws {
        let plan = try engine.plan(FlowText.chain(["store"]), for: RunnerFixture.userID, on: connection)
        try engine.enqueue(
            Execution(
                id: UUIDv7.make(), userID: RunnerFixture.userID, flow: plan.flow.definition, input: 1),
            plan, on: connection)
    }

    private func claim() throws -> Claim {
        try fixture.database.connect().execute("UPDATE queue SET state = 'queued'")
        return try #require(try engine.claim(on: connection))
    }

    /// The number of counted claims, and the seconds until the run is due.
    private func state() throws -> (claims: Int, delay: Double) {
        try fixture.database.connect().query(
            "SELECT claims, extract(epoch FROM available_at - clock_timestamp())::float8 FROM queue"
        ).only.decode(Int.self, Double.self)
    }

    @Test(arguments: ["08006", "53100", "55P03", "57014", "40001", "40P01"])
    func aRunIsNotGivenUpBecauseOfTheDatabase(sqlState: String) throws {
        try enqueue()
        condition.sqlState.withLock { $0 = sqlState }
        for attempt in 0...(2 * Claim.maximumClaims) {
            let claim = try claim()
            let outcome = Result { try engine.execute(claim, on: connection, Cancellation()) }
            switch outcome {
            case .failure(let error): #expect((error as? PostgresError)?.isDatabaseTrouble == true)
            case .success(.postponed): break
            case .success(let other): Issue.record("\(other)")
            }
            let state = try state()
            #expect(state.claims == 0)
            #expect(state.delay > Double(min(60, 1 << attempt)) - 1, "pause \(attempt): \(state.delay) s")
        }
        condition.sqlState.withLock { $0 = nil }
        guard case .ended = try engine.execute(try claim(), on: connection, Cancellation()) else {
            throw TestFailure("the run has not ended")
        }
        #expect(try fixture.committed().status == "completed")
    }

    /// An expired lease counts as the death of a process, unless the database was in trouble before that.
    @Test func claimsThatExpireDuringTroubleAreNotCounted() throws {
        try enqueue()
        for isTrouble in [false, true] {
            let before = try state().claims
            #expect(try Queue.isolate(claim(), on: connection))
            engine.trouble.record(mayExpireLeases: isTrouble)
            try fixture.database.connect().execute("UPDATE queue SET lease_until = now() - interval '1 second'")
            #expect(try engine.rescue(on: connection) == 1)
            #expect(try state().claims == before + (isTrouble ? 0 : 1))
        }
    }
}
