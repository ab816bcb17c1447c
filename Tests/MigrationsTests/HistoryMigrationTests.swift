import Foundation
import Migrations
import Postgres
import Synchronization
import TestSupport
import Testing

/// The migrations that give the history of runs a partition for each month, of a database that is in use.
@Suite struct HistoryMigrationTests {
    private let database: TestDatabase
    private let connection: Connection

    init() throws {
        database = try TestDatabase.make(isMigrated: false)
        connection = Connection(database.owner.forMigrations)
        try Self.migrator(upTo: 42).migrate(connection)
        try Self.fill(connection)
    }

    private static func migrator(upTo version: Int) -> Migrator {
        Migrator(Migrations.all.filter { $0.version <= version }, pause: .milliseconds(20))
    }

    /// Runs that have ended, that are active, that wait, and that others have started, with a step each.
    private static func fill(_ connection: Connection) throws {
        try connection.execute(
            "INSERT INTO users (id, username) VALUES ('00000000-0000-7000-8000-000000000001', 'ann')")
        try connection.execute(
            """
            WITH runs AS (
                INSERT INTO executions (id, user_id, flow, input, status, created_at, parent_id, parent_step, item)
                SELECT uuid_v7(), '00000000-0000-7000-8000-000000000001', '{"id":"f","name":"n"}', '[1]',
                    (ARRAY['completed', 'failed', 'running', 'running', 'canceled'])[1 + n % 5]::run_status, now(),
                    CASE WHEN n % 7 = 0 THEN uuid_v7() END, 1, 1
                FROM generate_series(1, 500) n RETURNING id, user_id, status
            ), queued AS (
                INSERT INTO queue (execution_id, user_id, state, available_at)
                SELECT id, user_id, 'waiting', 'infinity' FROM runs WHERE status = 'running')
            INSERT INTO steps (execution_id, seq, task, type, status, attempt, output, started_us, duration_us)
            SELECT id, 1, 'a', 'pass', 'success', 1, '{"a":1}', 5, 7 FROM runs
            """)
    }

    private func digest(of table: SQL) throws -> String {
        try connection.query("SELECT md5(string_agg(r::text, ',' ORDER BY r::text)) FROM \(table) r").only.decode(
            String.self)
    }

    private func count(_ query: SQL) throws -> Int { try connection.query(query).only.decode(Int.self) }

    @Test func everyRunReadsTheSame() throws {
        let tables: [SQL] = ["executions", "steps", "queue", "stored"]
        let before = try tables.map(digest)
        try Migrator().migrate(connection)
        #expect(try tables.map(digest) == before)
        #expect(try count("SELECT count(*) FROM executions_first") == 500)
        #expect(try count("SELECT count(*) FROM steps_first") == 500)
        #expect(try count("SELECT count(*) FROM executions_default") == 0)
        let bounds = try count(
            "SELECT count(*) FROM pg_constraint WHERE conname = 'history_bound'")
        #expect(bounds == 0)
        let ahead = try count(
            "SELECT count(*) FROM history WHERE after > first_id(date_trunc('month', now(), 'UTC') + interval '2 months')"
        )
        #expect(ahead == 1)
    }

    /// The tables are locked for that, so it must not take long.
    @Test func theRunsAreNotReadWhileTheTablesAreLocked() throws {
        func rowsRead() throws -> Int {
            try connection.execute("SELECT pg_stat_force_next_flush()")
            return try count(
                """
                SELECT sum(seq_tup_read + coalesce(idx_tup_fetch, 0))::bigint FROM pg_stat_user_tables
                WHERE relname ~ '^(executions|steps)'
                """)
        }
        try Self.migrator(upTo: 43).migrate(connection)
        let before = try rowsRead()
        try Self.migrator(upTo: 44).migrate(connection)
        let verified = try rowsRead()
        #expect(verified - before >= 1_000)
        try Migrator().migrate(connection)
        #expect(try rowsRead() - verified < 10)
    }

    /// Also of the release before, and between any two migrations.
    @Test func runsAreStoredMeanwhile() throws {
        let stopped = Atomic(false)
        let stored = Mutex<[String]>([])
        let failures = Mutex<[String]>([])
        let threads = DispatchGroup()
        let configuration = database.owner
        for _ in 1...2 {
            threads.enter()
            Thread.detachNewThread {
                defer { threads.leave() }
                let client = Connection(configuration)
                while !stopped.load(ordering: .relaxed) {
                    do {
                        let id = try client.query(
                            """
                            INSERT INTO executions (id, user_id, flow, input, status, created_at)
                            VALUES (uuid_v7(), '00000000-0000-7000-8000-000000000001', '{}', '{}', 'running', now())
                            RETURNING id
                            """
                        ).only.decode(String.self)
                        let ended = try client.execute("UPDATE executions SET status = 'completed' WHERE id = \(id)")
                        if ended == 1 { stored.withLock { $0.append(id) } }
                    } catch {
                        failures.withLock { $0.append(String(reflecting: error)) }
                    }
                }
            }
        }
        // The threads end also if this one fails.
        defer { stopped.store(true, ordering: .relaxed) }
        func storeSome() throws {
            let (before, deadline) = (stored.withLock(\.count), ContinuousClock.now + .seconds(60))
            while stored.withLock(\.count) < before + 20, failures.withLock(\.isEmpty) {
                guard ContinuousClock.now < deadline else { throw TestFailure("no runs are stored") }
                usleep(1_000)
            }
        }
        // Each of them after some runs.
        for version in [43, 44, Int.max] {
            try storeSome()
            try Self.migrator(upTo: version).migrate(connection)
        }
        try storeSome()
        stopped.store(true, ordering: .relaxed)
        let isOver = threads.wait(timeout: .now() + 60) == .success
        #expect(isOver, "a thread waits for the database")
        #expect(failures.withLock { $0 } == [])
        let ids = stored.withLock { $0 }
        #expect(try count("SELECT count(*) FROM executions WHERE id = ANY(\(ids)::uuid[])") == ids.count)
    }

    @Test func severalMigratorsAtOnceDoItOnce() throws {
        let failures = Mutex<[String]>([])
        let threads = DispatchGroup()
        let configuration = database.owner.forMigrations
        for _ in 1...3 {
            threads.enter()
            Thread.detachNewThread {
                defer { threads.leave() }
                do {
                    try Migrator().migrate(Connection(configuration))
                } catch {
                    failures.withLock { $0.append(String(reflecting: error)) }
                }
            }
        }
        threads.wait()
        #expect(failures.withLock { $0 } == [])
        #expect(try Migrator().state(connection) == .current)
        #expect(try count("SELECT count(*) FROM executions") == 500)
    }

    /// By a clock that is ahead: the first partition then ends later.
    @Test func idsInTheFutureAreInTheFirstPartition() throws {
        let late = UUID(uuid: (0x01, 0xB0, 0, 0, 0, 0, 0x70, 0, 0x80, 0, 0, 0, 0, 0, 0, 1)).uuidString.lowercased()
        try connection.execute(
            "UPDATE executions SET id = \(late) WHERE id = (SELECT min(id::text)::uuid FROM executions)")
        try Migrator().migrate(connection)
        #expect(try count("SELECT count(*) FROM executions_first") == 500)
        try connection.execute(
            """
            INSERT INTO executions (id, user_id, flow, input, status, created_at)
            VALUES (uuid_v7(), '00000000-0000-7000-8000-000000000001', '{}', '{}', 'completed', now())
            """)
        #expect(try count("SELECT count(*) FROM executions_first") == 501)
    }
}
