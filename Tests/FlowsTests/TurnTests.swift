import JSON
import Postgres
import TestSupport
import Testing

@testable import Flows

/// Which run a worker claims next, by its owner.
@Suite struct TurnTests {
    private let fixture: RunnerFixture
    private let engine = Engine(catalog: .plain)
    private let owner: Connection

    init() throws {
        fixture = try RunnerFixture()
        owner = fixture.database.connect()
    }

    /// Queues that many runs of each of that many new users.
    private func enqueue(_ runs: Int, ofEachOf users: ClosedRange<Int>) throws {
        try owner.pipeline([
            """
            INSERT INTO users (id, username, password_hash)
            SELECT lpad(to_hex(n), 32, '0')::uuid, 'user ' || n, '-'
            FROM generate_series(\(users.lowerBound)::int, \(users.upperBound)::int) AS n
            """,
            """
            WITH opened AS (
                INSERT INTO executions (id, user_id, flow, input, status, created_at)
                SELECT uuid_v7(), lpad(to_hex(n), 32, '0')::uuid, \(FlowText.chain(["pass"])), '1', 'running',
                    now()
                FROM generate_series(\(users.lowerBound)::int, \(users.upperBound)::int) AS n,
                    generate_series(1, \(runs)::int)
                RETURNING id, user_id)
            INSERT INTO queue (execution_id, user_id, state, available_at)
            SELECT id, user_id, 'queued', now() FROM opened
            """,
        ])
    }

    private func claims(_ count: Int) throws -> [Execution] {
        try (0..<count).compactMap { _ in try engine.claim(on: fixture.connection)?.execution }
    }

    @Test func usersHaveTurns() throws {
        try enqueue(100, ofEachOf: 1...1)
        try enqueue(3, ofEachOf: 2...3)
        let claimed = try claims(12)
        let users = claimed.map { Int($0.userID.suffix(4)) }
        #expect(users == [1, 2, 3, 1, 2, 3, 1, 2, 3, 1, 1, 1])
        for user in 1...3 {
            let runs = claimed.filter { Int($0.userID.suffix(4)) == user }.map(\.id)
            #expect(runs == runs.sorted(), "in the order of their creation")
        }
    }

    /// A run that was woken, or has yielded, comes before the younger ones of its user.
    @Test func anOlderRunComesFirst() throws {
        try enqueue(3, ofEachOf: 1...1)
        let first = try #require(try engine.claim(on: fixture.connection))
        #expect(try Queue.release(first.execution.id, first.lease, isCounted: false, on: fixture.connection))
        #expect(try engine.claim(on: fixture.connection)?.execution.id == first.execution.id)
    }

    /// A run that waits is queued when its time has come, and not before.
    @Test func aRunIsWokenWhenItIsDue() throws {
        try enqueue(1, ofEachOf: 1...2)
        try owner.execute(
            """
            UPDATE queue SET state = 'waiting',
                available_at = now() + interval '1 hour' * CASE WHEN user_id::text LIKE '%1' THEN -1 ELSE 1 END
            """)
        #expect(try claims(3).map { Int($0.userID.suffix(4)) } == [1])
    }

    @Test func usersWithTheirShareOfRunsArePassedOver() throws {
        var limits = Engine.Limits()
        limits.concurrentRuns = 2
        let engine = Engine(catalog: .plain, limits: limits)
        try enqueue(100, ofEachOf: 1...4)
        func claims(_ count: Int) throws -> [Int?] {
            try (0..<count).compactMap { _ in try engine.claim(on: fixture.connection)?.execution }
                .map { Int($0.userID.suffix(4)) }
        }
        #expect(try claims(20) == [1, 2, 3, 4, 1, 2, 3, 4])
        try owner.execute(
            """
            UPDATE queue SET lease = NULL, lease_until = NULL, state = 'waiting', available_at = 'infinity'
            WHERE lease IS NOT NULL AND right(user_id::text, 1) IN ('2', '4')
            """)
        #expect(try claims(20) == [2, 4, 2, 4], "runs that wait do not count")
    }

    @Test(arguments: [(1, 3_000), (3_000, 1), (50, 60)])
    func aTurnCostsTheSameForAnyNumberOfUsersAndRuns(users: Int, runs: Int) throws {
        try enqueue(runs, ofEachOf: 1...users)
        try owner.execute("VACUUM ANALYZE queue")
        // Not through a pooler: the test needs the counters of this session.
        let connection = fixture.database.connect()
        func read() throws -> Int {
            try connection.execute("SELECT pg_stat_force_next_flush()")
            return try owner.query(
                "SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_user_tables WHERE relname = 'queue'"
            ).only.decode(Int.self)
        }
        for _ in 0..<10 { _ = try engine.claim(on: connection) }
        let before = try read()
        for _ in 0..<10 { #expect(try engine.claim(on: connection) != nil) }
        #expect((1...400).contains(try read() - before))
    }
}
