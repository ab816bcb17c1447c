package import Postgres

/// Expired rows of one table, which the command or a worker removes at any time.
///
/// Each statement is a transaction of its own and skips locked rows, so that no request waits for it, and concurrent
/// runs share the work. A request treats an expired row as missing before it is removed.
package struct Pruning: Sendable {
    package let table: String
    private let name: SQL
    private let condition: SQL
    /// What is set in rows that others may refer to, in place of removing them.
    private let mark: SQL?

    /// Every one there is, in this order: a table whose rows expire has a line here, after those that refer to it. Not
    /// a partitioned table: one `ctid` is a row of each of its partitions.
    package static let all = [
        Pruning("sessions", "sessions", "least(ended_at, expires_at) < now() - interval '1 day'"),
        Pruning("api_keys", "api_keys", "least(ended_at, expires_at) < now() - interval '30 days'"),
        Pruning("idempotency_keys", "idempotency_keys", "created_at < now() - interval '24 hours'"),
        // A window is a minute or an hour long, never a day.
        Pruning("rate_limits", "rate_limits", "window_start < now() - interval '1 day'"),
        Pruning(
            "second_factors", "second_factors", "confirmed_at IS NULL AND created_at < now() - interval '1 day'"),
        Pruning(
            "recovery_codes", "recovery_codes AS c",
            "NOT EXISTS (SELECT FROM second_factors f WHERE f.user_id = c.user_id)"),
        Pruning("guests", "guests", "expires_at < now()"),
        // What a guest made may be in others' records, and so the user stays in them, as a deleted one does.
        Pruning(
            "users", "users AS u",
            """
            role = 'guest' AND deleted_at IS NULL AND NOT EXISTS (
                SELECT FROM sessions s WHERE s.user_id = u.id AND s.ended_at IS NULL AND s.expires_at > now()
            )
            """,
            mark: "deleted_at = now(), disabled_at = coalesce(disabled_at, now())"),
        // No session is left that began under it, and two newer ones sign and verify.
        Pruning(
            "token_keys", "token_keys AS k",
            """
            2 <= (
                SELECT count(*) FROM token_keys n
                WHERE n.signs_at > k.signs_at AND n.signs_at < now() - interval '31 days'
            )
            """),
    ]

    /// Rows that one statement removes.
    package static let batch = 1_000

    private init(_ table: String, _ name: SQL, _ condition: SQL, mark: SQL? = nil) {
        self.table = table
        self.name = name
        self.condition = condition
        self.mark = mark
    }

    /// Removes what has expired by now from all tables, and says of each how many rows that were.
    package static func run(on connection: Connection, observe: (_ table: String, _ rows: Int) -> Void) throws {
        for pruning in all { observe(pruning.table, try pruning.run(on: connection)) }
    }

    /// How many rows it removed.
    private func run(on connection: Connection) throws -> Int {
        var removed = 0
        while true {
            let count = try removeSome(on: connection)
            removed += count
            if count < Self.batch { return removed }
        }
    }

    /// Removes a batch at most, and says how many rows that were: fewer than a batch when none is left.
    package func removeSome(on connection: Connection) throws -> Int {
        let action: SQL = if let mark { "UPDATE \(name) SET \(mark)" } else { "DELETE FROM \(name)" }
        return try connection.execute(
            """
            \(action) WHERE ctid = ANY (ARRAY(
                SELECT ctid FROM \(name) WHERE \(condition) LIMIT \(Self.batch) FOR UPDATE SKIP LOCKED
            ))
            """)
    }
}
