import Postgres

extension Queue {
    /// The maximum number of runs that one statement ends.
    static let maximumEnds = 500

    /// Ends active runs of a user, the oldest first, at most `maximumEnds` of them. It skips runs that are being
    /// committed at this moment, so it waits for no worker. It also skips runs that an active run has started: a run
    /// ends before those that it waits for, so that none has to be woken. Returns the end of each.
    static func endSome(
        of userID: String, _ reason: TaskFailure, on connection: Connection
    ) throws -> [EngineEvent] {
        try connection.atomically { connection in
            let removed = try removeAlone(
                """
                execution_id = ANY(ARRAY(
                    SELECT q.execution_id FROM queue q
                    WHERE q.user_id = \(userID)
                        AND (SELECT p.execution_id FROM queue p WHERE p.execution_id = q.parent_id) IS NULL
                    ORDER BY q.execution_id LIMIT \(maximumEnds) FOR UPDATE OF q SKIP LOCKED))
                """, on: connection)
            return try close(removed, of: userID, as: .canceled, reason, admitting: false, on: connection)
        }
    }
}
