import JSON
import Postgres

extension Queue {
    /// The active runs that have lasted as long as a run may, the oldest first, at most that many: a run comes before
    /// those that it has started.
    static func overdue(after lifetime: RunLifetime, limit: Int, on connection: Connection) throws -> [Execution] {
        try connection.query(
            """
            SELECT execution_id, user_id, parent_id, parent_step FROM queue
            WHERE \(lifetime.isOver(for: "execution_id")) ORDER BY execution_id LIMIT \(limit)
            """
        ).map { row in
            let (id, userID, parentID, parentStep) = try row.decode(String.self, String.self, String?.self, Int?.self)
            var run = Execution(id: id, userID: userID, flow: .null, input: .null)
            if let parentID, let parentStep { run.parent = .init(executionID: parentID, step: parentStep) }
            return run
        }
    }

    /// Ends such a run as `end` does, without waiting long for a lock. Returns nothing if it did not get it.
    static func expire(
        _ run: Execution, after lifetime: RunLifetime, on connection: Connection
    ) throws -> [EngineEvent] {
        do {
            return try connection.transaction { connection in
                try connection.execute("SET LOCAL lock_timeout = '100ms'")
                return try end(run, as: .expired, lifetime.expiry, on: connection)
            }
        } catch let error as PostgresError where error.sqlState == .lockNotAvailable {
            return []
        }
    }
}
