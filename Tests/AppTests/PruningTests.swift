import Crypto
import Dispatch
import Postgres
import Synchronization
import TestSupport
import Testing

@testable import App

/// Pruning removes expired rows and nothing else.
@Suite struct PruningTests {
    let database: TestDatabase
    let connection: Connection
    let userID = UUIDv7.make()

    init() throws {
        database = try TestDatabase.make()
        connection = database.connectAsApplication()
        try connection.execute("INSERT INTO users (id, username) VALUES (\(userID), 'ann')")
    }

    /// Rows removed, by table.
    @discardableResult
    private func prune() throws -> [String: Int] {
        var removed: [String: Int] = [:]
        try Pruning.run(on: connection) { removed[$0] = $1 }
        return removed
    }

    private func insertSession(_ expiresIn: SQL, endedIn: SQL = "NULL::text") throws -> String {
        let id = UUIDv7.make()
        try connection.execute(
            """
            INSERT INTO sessions (id, user_id, expires_at, ended_at)
            VALUES (\(id), \(userID), now() + (\(expiresIn))::interval, now() + (\(endedIn))::interval)
            """)
        return id
    }

    private func rows(_ table: SQL) throws -> Int {
        try connection.query("SELECT count(*) FROM \(table)").only.decode(Int.self)
    }

    @Test func reportsEveryTable() throws {
        let removed = try prune()
        #expect(removed.count == Pruning.all.count)
        #expect(removed.values.allSatisfy { $0 == 0 })
    }

    /// Something removes the rows of every table, so that none grows without limit.
    @Test func everyTableIsPrunedOrHasAnotherOwner() throws {
        let tables = try database.connect().query(
            """
            SELECT relname FROM pg_class
            WHERE relkind IN ('r', 'p') AND NOT relispartition AND relnamespace = 'public'::regnamespace
            """
        ).map { try $0.decode(String.self) }
        let known = Pruning.all.map(\.table) + Pruning.others.keys
        #expect(Set(known) == Set(tables) && known.count == tables.count)
    }

    @Test func removesWhatKilledProcessesHaveLeft() throws {
        let id = UUIDv7.make()
        try connection.execute("INSERT INTO watchers (execution_id, watcher) VALUES (\(id), \(UUIDv7.make()))")
        try connection.execute("INSERT INTO idle_workers (worker) VALUES (\(UUIDv7.make()))")
        try connection.execute(
            "INSERT INTO idle_workers (worker, since) VALUES (\(UUIDv7.make()), now() - interval '25 hours')")
        let removed = try prune()
        #expect(removed["watchers"] == 1 && removed["idle_workers"] == 1)
        #expect(try rows("idle_workers") == 1)
    }

    @Test func removesSessionsADayAfterTheirEnd() throws {
        let kept = try [
            insertSession("'30 days'"), insertSession("'-23 hours'"),
            insertSession("'29 days'", endedIn: "'-23 hours'"),
        ]
        _ = try insertSession("'-25 hours'")
        _ = try insertSession("'29 days'", endedIn: "'-25 hours'")
        _ = try insertSession("'-25 hours'", endedIn: "'-24 hours 30 minutes'")
        #expect(try prune()["sessions"] == 3)
        let left = try connection.query("SELECT id FROM sessions").map { try $0.decode(String.self) }
        #expect(Set(left) == Set(kept))
    }

    @Test func removesExpiredGuests() throws {
        func insertGuest(_ name: String, role: String = "guest", _ expiresIn: SQL) throws {
            let id = UUIDv7.make()
            try connection.execute(
                "INSERT INTO users (id, name, role) VALUES (\(id), \(name), \(role))")
            try connection.execute(
                """
                INSERT INTO guests (network, user_id, expires_at)
                VALUES (\(name), \(id), now() + (\(expiresIn))::interval)
                """)
            try connection.execute(
                """
                INSERT INTO sessions (id, user_id, expires_at)
                VALUES (\(UUIDv7.make()), \(id), now() + (\(expiresIn))::interval)
                """)
        }
        try insertGuest("lives", "'1 minute'")
        try insertGuest("over", "'-1 minute'")
        try insertGuest("client", role: "client", "'-1 minute'")
        let removed = try prune()
        #expect(removed["guests"] == 2)
        #expect(removed["users"] == 1)
        let deleted = try connection.query(
            "SELECT name FROM users WHERE deleted_at IS NOT NULL AND disabled_at IS NOT NULL")
        #expect(try deleted.map { try $0.decode(String.self) } == ["over"])
        #expect(try prune().values.allSatisfy { $0 == 0 })
    }

    @Test func removesAPIKeysAMonthAfterTheirEnd() throws {
        let keys: [(name: String, expires: SQL, ended: SQL)] = [
            ("lives", "'1 hour'", "NULL::text"), ("expired", "'-29 days'", "NULL::text"),
            ("ended", "'1 year'", "'-29 days'"), ("long expired", "'-31 days'", "NULL::text"),
            ("long ended", "'1 year'", "'-31 days'"),
        ]
        for (name, expires, ended) in keys {
            try connection.execute(
                """
                INSERT INTO api_keys (id, user_id, name, digest, scopes, expires_at, ended_at)
                VALUES (\(UUIDv7.make()), \(userID), \(name), \(Digest.sha256(name.utf8)), ARRAY['read'],
                    now() + (\(expires))::interval, now() + (\(ended))::interval)
                """)
        }
        #expect(try prune()["api_keys"] == 2)
        let left = try connection.query("SELECT name FROM api_keys").map { try $0.decode(String.self) }
        #expect(Set(left) == ["lives", "expired", "ended"])
    }

    @Test func removesOldIdempotencyKeysAndRateLimits() throws {
        for (name, age) in [("young", "23 hours"), ("old", "25 hours")] {
            try connection.execute(
                """
                INSERT INTO idempotency_keys (user_id, method, path, key, body_digest, created_at)
                VALUES (\(userID), 'POST', '/posts', \(name), ''::bytea, now() - (\(age)::text)::interval)
                """)
            try connection.execute(
                """
                INSERT INTO rate_limits (user_id, name, window_start, calls)
                VALUES (\(userID), \(name), now() - (\(age)::text)::interval, 1)
                """)
        }
        let removed = try prune()
        #expect(removed["idempotency_keys"] == 1 && removed["rate_limits"] == 1)
        #expect(try rows("idempotency_keys WHERE key = 'young'") == 1)
        #expect(try rows("rate_limits WHERE name = 'young'") == 1)
    }

    /// The factors of three users: one confirmed long ago, one begun recently, one begun and never confirmed. A fourth
    /// user has codes without a factor.
    @Test func removesUnconfirmedFactors() throws {
        let factors: [(name: String, began: String, confirmed: Bool?)] = [
            ("confirmed", "40 days", true), ("begun", "23 hours", false), ("forgotten", "25 hours", false),
            ("removed", "", nil),
        ]
        for (name, began, confirmed) in factors {
            let id = UUIDv7.make()
            try connection.execute("INSERT INTO users (id, username) VALUES (\(id), \(name))")
            try connection.execute("INSERT INTO recovery_codes (user_id, digest) VALUES (\(id), '1'::bytea)")
            guard let confirmed else { continue }
            try connection.execute(
                """
                INSERT INTO second_factors (user_id, secret, created_at, confirmed_at)
                VALUES (\(id), ''::bytea, now() - (\(began)::text)::interval, CASE WHEN \(confirmed) THEN now() END)
                """)
        }
        let removed = try prune()
        #expect(removed["second_factors"] == 1 && removed["recovery_codes"] == 2)
        let left = try connection.query(
            """
            SELECT username FROM users JOIN second_factors f ON f.user_id = users.id
            JOIN recovery_codes USING (user_id)
            """
        ).map { try $0.decode(String.self) }
        #expect(Set(left) == ["confirmed", "begun"])
    }

    /// The two newest signing keys are kept regardless of their age, so that no older key replaces them.
    @Test func removesTokenKeysThatNoSessionNeeds() throws {
        for (id, days) in [("a", 90), ("b", 80), ("c", 32), ("d", 30), ("e", 1)] {
            try connection.execute(
                """
                INSERT INTO token_keys (id, secret, created_at, signs_at)
                VALUES (\(id), ''::bytea, now() - \(days + 1) * interval '1 day', now() - \(days) * interval '1 day')
                """)
        }
        #expect(try prune()["token_keys"] == 1)
        try connection.execute("DELETE FROM token_keys WHERE id > 'c'")
        #expect(try prune()["token_keys"] == 0)
        let left = try connection.query("SELECT id FROM token_keys ORDER BY id").map { try $0.decode(String.self) }
        #expect(left == ["b", "c"])
    }

    @Test func concurrentRunsRemoveEachRowOnce() throws {
        try connection.execute(
            """
            INSERT INTO sessions (id, user_id, expires_at)
            SELECT gen_random_uuid(), \(userID), now() - interval '2 days' FROM generate_series(1, 10000)
            """)
        let kept = try insertSession("'1 day'")
        let removed = Mutex<[Int]>([])
        DispatchQueue.concurrentPerform(iterations: 2) { [database] _ in
            try? Pruning.run(on: database.connectAsApplication()) { table, rows in
                if table == "sessions" { removed.withLock { $0.append(rows) } }
            }
        }
        let rows = removed.withLock(\.self)
        // One run may end early at rows that the other has locked; the next run removes the rest.
        let rest = try prune()["sessions"] ?? 0
        #expect(rows.count == 2)
        #expect(rows.reduce(rest, +) == 10_000)
        #expect(try connection.query("SELECT id FROM sessions").only.decode(String.self) == kept)
    }

    /// A row locked by a request is neither removed nor delays the removal of others.
    @Test func skipsLockedRows() throws {
        let held = try insertSession("'-2 days'")
        _ = try insertSession("'-2 days'")
        let other = database.connectAsApplication()
        try other.begin()
        try other.execute("UPDATE sessions SET agent = 'x' WHERE id = \(held)")
        #expect(try prune()["sessions"] == 1)
        try other.commit()
        #expect(try prune()["sessions"] == 1)
    }
}
