import Postgres

extension Queue {
    /// The maximum number of runs that one statement ends.
    static let maximumEnds = 500

    /// Ends active runs of a user, the oldest first, at most `maximumEnds` of them. It skips runs that are being
    /// committed at this moment, so it waits for no worker. As all of the user's runs are to end, it does not wake
    /// parent runs. Returns the end of each.
    static func endSome(
        of userID: String, _ reason: TaskFailure, on connection: Connection
    ) throws -> [EngineEvent] {
        try connection.atomically { connection in
            let removed = try removeAlone(
                """
                execution_id = ANY(ARRAY(
                    SELECT execution_id FROM queue WHERE user_id = \(userID)
                    ORDER BY execution_id LIMIT \(maximumEnds) FOR UPDATE SKIP LOCKED))
                """, on: connection)
            return try close(removed, of: userID, as: .canceled, reason, admitting: false, on: connection)
        }
    }
}
