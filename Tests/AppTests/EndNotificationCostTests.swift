import Flows
import HTTP
import JSON
import Postgres
import TestSupport
import Testing

@testable import App

/// What notifications cost the runs that have none: nothing but one row of their workflow, read by its key. The test
/// reads the database's counters.
@Suite(.serialized) struct EndNotificationCostTests {
    private let application: TestApplication
    private let user: TestUser
    /// Not through a pooler: the test needs the counters of its session.
    private let connection: Connection
    private let owner: Connection

    init() throws {
        application = try TestApplication()
        user = try application.makeUser()
        connection = application.database.connect()
        owner = application.database.connect()
        // So many, of another user, that the database searches them by an index.
        try owner.execute(
            """
            INSERT INTO workflows (id, user_id, version)
            SELECT uuid_v7(), (SELECT id FROM users WHERE id <> \(user.id) LIMIT 1), 1 FROM generate_series(1, 5000)
            """)
        try owner.execute("ANALYZE workflows")
        try owner.execute("SELECT pg_stat_force_next_flush()")
    }

    private func makeWorkflow(_ more: [String: JSON]) throws -> String {
        let made = try application.post("/api/workflows", .workflow("w", more), token: user.token)
        return try #require(made.headers["location"], "\(made.text)")
    }

    private struct Uses: Equatable {
        /// Searches, whole reads and new rows of the tables of notifications.
        var notifications = 0
        /// Whole reads of the table of workflows.
        var scans = 0
    }

    /// What this run needs: its workflow's call, its steps and its end.
    private func uses(_ body: () throws -> Void) throws -> Uses {
        func counters() throws -> Uses {
            try connection.execute("SELECT pg_stat_force_next_flush()")
            let (notifications, scans) = try owner.query(
                """
                SELECT sum(CASE WHEN relname ~ '^end_' THEN n_tup_ins + n_tup_upd + seq_scan + idx_scan END)::bigint,
                    sum(CASE WHEN relname = 'workflows' THEN seq_scan END)::bigint
                FROM pg_stat_user_tables
                """
            ).only.decode(Int.self, Int.self)
            return Uses(notifications: notifications, scans: scans)
        }
        let before = try counters()
        try body()
        let after = try counters()
        return Uses(notifications: after.notifications - before.notifications, scans: after.scans - before.scans)
    }

    private func execute(_ path: String) throws {
        let request = Request(
            "POST", "\(path)/execute", [application.bearer(user.token), ("Content-Type", "application/json")])
        let answer = HTTPAnswer(application.reply(to: request, body: Array("{}".utf8), over: connection).initial)
        #expect(answer.status == 202, "\(answer.text)")
        let engine = application.services.engine
        let claim = try #require(try engine.claim(on: connection))
        _ = try engine.execute(claim, on: connection, Cancellation())
    }

    /// Until the plans are generic.
    @Test func runsWithoutANotificationNeedNone() throws {
        let plain = try makeWorkflow([:])
        let others = try makeWorkflow(["on_end": ["url": "https://example.org/", "statuses": ["failed"]]])
        for path in [plain, others] {
            for _ in 0..<8 { #expect(try uses { try execute(path) } == Uses()) }
        }
        let notified = try makeWorkflow(["on_end": ["url": "https://example.org/"]])
        let used = try uses { try execute(notified) }
        #expect(used.notifications > 0 && used.scans == 0)
        let ended = try application.count("SELECT count(*) FROM executions WHERE status = 'completed'")
        #expect(ended == 17)
    }
}
