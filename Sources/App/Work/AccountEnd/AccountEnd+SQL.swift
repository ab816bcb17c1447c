import Postgres

extension AccountEnd {
    /// The condition of the index `users_with_runs_to_end`.
    private static let isPending: SQL = """
        u.disabled_at IS NOT NULL AND (u.runs_ended_at IS NULL OR u.runs_ended_at < u.disabled_at)
        """

    private static let hasRuns: SQL = "EXISTS (SELECT FROM queue q WHERE q.user_id = u.id)"

    /// A user with an ended account who still has active runs.
    static func nextUser(on connection: Connection) throws -> String? {
        try connection.query(
            "SELECT u.id FROM users u WHERE \(isPending) AND \(hasRuns) ORDER BY u.disabled_at LIMIT 1"
        ).first?.decode(String.self)
    }

    /// Marks users without active runs if their account ended at least a minute ago. A call that was authenticated
    /// before the end of the account may start a run after it; none takes that long.
    static func markUsersWithoutRuns(on connection: Connection) throws {
        try connection.execute(
            """
            UPDATE users SET runs_ended_at = now() WHERE id = ANY(ARRAY(
                SELECT u.id FROM users u
                WHERE \(isPending) AND u.disabled_at < now() - interval '1 minute' AND NOT \(hasRuns)
                ORDER BY u.disabled_at LIMIT 1000
                FOR UPDATE SKIP LOCKED))
            """)
    }
}
