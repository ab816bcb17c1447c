package import Postgres

/// The expired rows of one table, which the `prune` command or a worker removes at any time.
///
/// Each statement is a transaction of its own and skips locked rows, so that no request waits for it, and concurrent
/// runs share the work. A request treats an expired row as missing before it is removed.
package struct Pruning: Sendable {
    package let table: String
    private let name: SQL
    private let condition: SQL
    /// The assignment that marks a row instead of deleting it, because other rows may refer to it.
    private let mark: SQL?
    /// Whether each row counts `bytes` for its user, to whom they are given back.
    private let countsBytes: Bool

    /// All tables with rows that expire, in the order of pruning: a table comes after those that refer to it. A
    /// partitioned table cannot be listed, because one `ctid` can identify a row in each of its partitions.
    package static let all = [
        Pruning("sessions", "sessions", "least(ended_at, expires_at) < now() - interval '1 day'"),
        Pruning("api_keys", "api_keys", "least(ended_at, expires_at) < now() - interval '30 days'"),
        Pruning(
            "idempotency_keys", "idempotency_keys", "created_at < now() - interval '24 hours'", countsBytes: true),
        // A window lasts at most an hour, so a row that is a day old has expired.
        Pruning("rate_limits", "rate_limits", "window_start < now() - interval '1 day'"),
        Pruning(
            "second_factors", "second_factors", "confirmed_at IS NULL AND created_at < now() - interval '1 day'"),
        Pruning(
            "recovery_codes", "recovery_codes AS c",
            "NOT EXISTS (SELECT FROM second_factors f WHERE f.user_id = c.user_id)"),
        Pruning("guests", "guests", "expires_at < now()"),
        // The row stays, as that of a deleted user does. What the guest had is removed as of any deleted account.
        Pruning(
            "users", "users AS u",
            """
            role = 'guest' AND deleted_at IS NULL AND NOT EXISTS (
                SELECT FROM sessions s WHERE s.user_id = u.id AND s.ended_at IS NULL AND s.expires_at > now()
            )
            """,
            mark: "deleted_at = now(), disabled_at = coalesce(disabled_at, now()), removal_due = now()"),
        // No session is left that began under this key, and two newer keys sign and verify.
        Pruning(
            "token_keys", "token_keys AS k",
            """
            2 <= (
                SELECT count(*) FROM token_keys n
                WHERE n.signs_at > k.signs_at AND n.signs_at < now() - interval '31 days'
            )
            """),
        // What killed processes have left. The end of a run removes its watchers, except those that came after it.
        Pruning(
            "watchers", "watchers AS w",
            "NOT EXISTS (SELECT FROM queue q WHERE q.execution_id = w.execution_id)"),
        Pruning("hook_tokens", "hook_tokens", "expires_at < now()"),
        Pruning("hook_secrets", "hook_secrets", "expires_at < now()"),
        Pruning("hook_claims", "hook_claims", "created_at < now() - interval '72 hours'", countsBytes: true),
        Pruning("end_secrets", "end_secrets", "expires_at < now()"),
        Pruning("end_notifications", "end_notifications", "ended_at < now() - interval '30 days'"),
        // A worker that has been idle for so long looks for itself.
        Pruning("idle_workers", "idle_workers", "since < now() - interval '1 day'"),
        Pruning("event_readers", "event_readers", "expires_at < now()"),
    ]

    /// The tables with rows that do not expire, and what removes them. Every table is either here or in `all`, except
    /// for the partitions of tables.
    package static let others = [
        "approvers": "the end of the run", "audit_log": "nothing: entries stay",
        "credentials": "their users", "credits": "nothing: one row of each user",
        "document_counts": "the removal of their user", "documents": "their users",
        "dropped_history": "the removal of their runs", "events": "the duty of each minute, after an hour",
        "executions": "their users, or RETENTION", "identities": "nothing: they stay blocked",
        "hook_deliveries": "newer ones of their hook", "hooks": "their users",
        "ledger": "nothing: entries stay", "posts": "their users", "prices": "nothing: one row of each task type",
        "queue": "the end of the run", "records": "the removal of their user",
        "removed_secrets": "their removal in AWS Secrets Manager",
        "schedules": "their users", "schema_migrations": "nothing: one row of each migration",
        "steps": "the removal of their run",
        "storage": "the removal of their user", "storage_changes": "the fold of each second",
        "workflow_versions": "their users", "workflows": "the removal of their user",
    ]

    /// The maximum number of rows that one statement removes.
    package static let batch = 1_000

    private init(
        _ table: String, _ name: SQL, _ condition: SQL, mark: SQL? = nil, countsBytes: Bool = false
    ) {
        self.table = table
        self.name = name
        self.condition = condition
        self.mark = mark
        self.countsBytes = countsBytes
    }

    /// Removes all expired rows and reports the number of removed rows for each table.
    package static func run(on connection: Connection, observe: (_ table: String, _ rows: Int) -> Void) throws {
        for pruning in all { observe(pruning.table, try pruning.run(on: connection)) }
    }

    /// Returns the number of removed rows.
    private func run(on connection: Connection) throws -> Int {
        var removed = 0
        while true {
            let count = try removeSome(on: connection)
            removed += count
            if count < Self.batch { return removed }
        }
    }

    /// Passes over all tables, one batch at a time.
    package struct Pass {
        /// The tables that the current pass has still to prune.
        private var pending = all[...]

        package init() {}

        /// Removes at most one batch of rows. Returns false at the end of a pass; the next call begins another one.
        package mutating func removeSome(on connection: Connection) throws -> Bool {
            guard let table = pending.first else { return false }
            if try table.removeSome(on: connection) < Pruning.batch { pending.removeFirst() }
            if !pending.isEmpty { return true }
            pending = all[...]
            return false
        }
    }

    /// Removes at most one batch and returns the number of rows; fewer than a batch means that no more rows have
    /// expired.
    private func removeSome(on connection: Connection) throws -> Int {
        let action: SQL = if let mark { "UPDATE \(name) SET \(mark)" } else { "DELETE FROM \(name)" }
        let removal: SQL = """
            \(action) WHERE ctid = ANY (ARRAY(
                SELECT ctid FROM \(name) WHERE \(condition) LIMIT \(Self.batch) FOR UPDATE SKIP LOCKED
            ))
            """
        guard countsBytes else { return try connection.execute(removal) }
        return try connection.query(
            """
            WITH gone AS (\(removal) RETURNING user_id, bytes),
            room AS (
                INSERT INTO storage_changes (user_id, bytes)
                SELECT user_id, -sum(bytes) FROM gone WHERE bytes > 0 GROUP BY user_id)
            SELECT count(*) FROM gone
            """
        ).only.decode(Int.self)
    }
}
