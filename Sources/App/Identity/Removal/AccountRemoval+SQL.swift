import Flows
import Postgres

extension AccountRemoval {
    /// Deletes the account, in the open transaction: ends its sessions and keys, and blocks its identity at
    /// another issuer.
    static func begin(_ userID: String, on connection: Connection) throws {
        try connection.execute(
            """
            UPDATE users
            SET deleted_at = now(), disabled_at = coalesce(disabled_at, now()), removal_due = now(),
                email_digest = CASE WHEN role = 'admin' THEN \(digest("email")) END,
                email = NULL, username = NULL, name = NULL, age = NULL, password_hash = NULL
            WHERE id = \(userID)
            """)
        try Session.endAll(of: userID, on: connection)
        try APIKey.endAll(of: userID, on: connection)
        try connection.execute("UPDATE identities SET blocked_at = now() WHERE user_id = \(userID)")
    }

    /// What is kept of the e-mail of an admin.
    static func digest(_ email: SQL) -> SQL { "sha256(convert_to(folded(\(email)), 'UTF8'))" }

    /// The account of which the next part is due, locked; nil if there is none that no other connection works on. What
    /// an account has is removed after `AccountEnd` has ended its runs.
    static func nextDue(on connection: Connection) throws -> String? {
        try connection.query(
            """
            SELECT id FROM users WHERE removal_due <= now()
                AND NOT EXISTS (SELECT FROM queue q WHERE q.user_id = users.id)
            ORDER BY removal_due LIMIT 1
            FOR NO KEY UPDATE SKIP LOCKED
            """
        ).first?.decode(String.self)
    }

    /// Looks at accounts of which an earlier release has removed everything but the records: those that have some are
    /// due again. Returns how many accounts it has looked at, at most `smallRows`.
    static func reviewSome(on connection: Connection) throws -> Int {
        try connection.execute(
            """
            UPDATE users u SET removal_due = CASE
                WHEN EXISTS (
                    SELECT FROM records r WHERE r.user_id = u.id AND r.deleted_at IS NULL
                    UNION ALL SELECT FROM records r WHERE r.user_id = u.id AND r.deleted_at IS NOT NULL)
                THEN now() ELSE 'infinity' END
            WHERE u.id = ANY (ARRAY(
                SELECT id FROM users WHERE deleted_at IS NOT NULL AND removal_due IS NULL
                ORDER BY deleted_at LIMIT \(smallRows) FOR NO KEY UPDATE SKIP LOCKED))
            """)
    }

    typealias Part = @Sendable (_ userID: String, Connection) throws -> Int

    /// In their order: a row is removed after those that refer to it. Each removes a limited number of rows, and
    /// returns how many.
    static let parts: [Part] = [
        rows("hook_claims", smallRows), rows("hook_deliveries", smallRows), rows("hooks", smallRows),
        rows("end_notifications", smallRows), removeRuns,
        rows("schedules", largeRows), removeVersions, removeWorkflows,
        rows("documents", largeRows), rows("posts", largeRows), removeRecords,
        rows("idempotency_keys", largeRows), rows("sessions", smallRows), rows("api_keys", smallRows),
        rows("credentials", smallRows), rows("events", smallRows), rows("event_readers", smallRows),
        rows("recovery_codes", smallRows), rows("second_factors", smallRows), rows("rate_limits", smallRows),
    ]

    private static func rows(_ table: SQL, _ limit: Int) -> Part {
        { userID, connection in
            try connection.execute(
                """
                DELETE FROM \(table) WHERE ctid = ANY (ARRAY(
                    SELECT ctid FROM \(table) WHERE user_id = \(userID) LIMIT \(limit)))
                """)
        }
    }

    private static let removeRuns: Part = { userID, connection in
        let ids = try connection.query(
            "SELECT id FROM executions WHERE user_id = \(userID) LIMIT \(largeRows)"
        ).map { try $0.decode(String.self) }
        guard !ids.isEmpty else { return 0 }
        try connection.pipeline([
            "DELETE FROM steps WHERE execution_id = ANY(\(ids)::uuid[])",
            "DELETE FROM executions WHERE id = ANY(\(ids)::uuid[])",
        ])
        return ids.count
    }

    private static let removeVersions: Part = { userID, connection in
        try connection.execute(
            "UPDATE workflows SET deleted_at = now() WHERE user_id = \(userID) AND deleted_at IS NULL")
        return try connection.execute(
            """
            DELETE FROM workflow_versions WHERE (workflow_id, version) IN (
                SELECT v.workflow_id, v.version
                FROM workflows w JOIN workflow_versions v ON v.workflow_id = w.id
                WHERE w.user_id = \(userID) AND NOT EXISTS (
                    SELECT FROM executions e WHERE e.workflow_id = v.workflow_id AND e.version = v.version)
                LIMIT \(largeRows))
            """)
    }

    private static let removeWorkflows: Part = { userID, connection in
        try connection.execute(
            """
            DELETE FROM workflows WHERE id IN (
                SELECT w.id FROM workflows w
                WHERE w.user_id = \(userID) AND NOT EXISTS (
                    SELECT FROM workflow_versions v WHERE v.workflow_id = w.id)
                LIMIT \(smallRows))
            """)
    }

    /// The program's role may not delete records: a function does, only of deleted accounts.
    private static let removeRecords: Part = { userID, connection in
        try connection.query("SELECT remove_records(\(userID), \(largeRows))").only.decode(Int.self)
    }

    /// Nothing is left. The account is looked at once more when no call can be in flight any more. Rows that are being
    /// changed are not waited for: the transaction that changes them may wait for the account.
    static func finish(_ userID: String, on connection: Connection) throws {
        try connection.pipeline([
            """
            DELETE FROM storage WHERE (user_id, shard) IN (
                SELECT user_id, shard FROM storage WHERE user_id = \(userID) FOR UPDATE SKIP LOCKED)
            """,
            "DELETE FROM document_counts WHERE user_id = \(userID)",
            """
            UPDATE users
            SET removal_due = CASE
                WHEN deleted_at > now() - \(grace) * interval '1 second'
                THEN deleted_at + \(grace) * interval '1 second'
                WHEN EXISTS (SELECT FROM storage WHERE user_id = \(userID)) THEN now() + interval '1 second'
                ELSE 'infinity' END
            WHERE id = \(userID)
            """,
        ])
    }
}
