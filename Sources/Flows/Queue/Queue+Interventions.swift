package import JSON
package import Postgres

/// What somebody does to a run from outside.
extension Queue {
    /// Ends a run that is under way, leased or not; false when it is over. The open step is marked, what was held and
    /// not used is released, the runs that it started end too, and whoever works on it learns of it at the next commit,
    /// which fails.
    ///
    /// - Parameters:
    ///   - status: `canceled`, or `failed` for a run that is given up.
    ///   - lease: only if the run still has this one.
    package static func end(
        _ id: String, of userID: String, as status: ExecutionStatus, _ reason: TaskFailure, lease: String? = nil,
        maxConcurrentRuns: Int?, on connection: Connection
    ) throws -> Bool {
        try connection.atomically { connection in
            try connection.execute(ConcurrencyLimit.lock(of: userID))
            guard let releases = try close(id, of: userID, as: status, reason, lease: lease, on: connection) else {
                return false
            }
            // For the run that waited for this one, and those that get its place. The credits are locked last, as
            // everywhere.
            let notification: SQL = "WITH ended AS (SELECT)\(notifyIdleWorker) SELECT"
            try connection.pipeline(
                ["SELECT admit_runs(\(userID), \(optional: maxConcurrentRuns))", notification] + releases)
            return true
        }
    }

    /// Ends a run and those that it started; returns what releases the credits held for them, or nil when it is over.
    private static func close(
        _ id: String, of userID: String, as status: ExecutionStatus, _ reason: TaskFailure, lease: String? = nil,
        on connection: Connection
    ) throws -> [SQL]? {
        let rows = try connection.query(
            """
            DELETE FROM queue WHERE execution_id = \(id) AND user_id = \(userID)
                AND (\(optional: lease)::uuid IS NULL OR lease = \(optional: lease)) RETURNING held
            """)
        guard let held = try rows.first?.decode(Int64.self) else { return nil }
        var releases = held > 0 ? [Ledger.release(held, of: userID, execution: id)] : []
        try connection.pipeline([
            """
            WITH open AS (
                UPDATE steps SET status = 'canceled'
                WHERE execution_id = \(id) AND status IN ('running', 'waiting') RETURNING task)
            UPDATE executions
            SET status = \(status.rawValue), error = \(reason.json), finished_at = clock_timestamp(),
                stopped_at = (SELECT task FROM open),
                cost = coalesce((SELECT sum(cost) FROM steps WHERE execution_id = \(id)), 0)
            WHERE id = \(id)
            """,
            "DELETE FROM watchers WHERE execution_id = \(id) RETURNING pg_notify('flow_end', execution_id::text)",
            """
            UPDATE queue q
            SET is_woken = q.lease IS NOT NULL,
                available_at = CASE WHEN q.lease IS NULL THEN clock_timestamp() ELSE q.available_at END
            WHERE q.execution_id = (SELECT parent_id FROM executions WHERE id = \(id))
            """,
        ])
        let children = try connection.query(
            "SELECT id FROM executions WHERE parent_id = \(id) AND status = 'running' ORDER BY id")
        for child in children {
            releases +=
                try close(try child.decode(String.self), of: userID, as: .canceled, reason, on: connection) ?? []
        }
        return releases
    }

    /// Ends the runs that a step started and does not wait for any more; in the transaction that is open.
    static func endChildren(of id: String, step: Int, _ userID: String, on connection: Connection) throws {
        try connection.execute(ConcurrencyLimit.lock(of: userID))
        let reason = TaskFailure(code: "canceled", message: "The step that started the run has ended")
        let children = try connection.query(
            """
            SELECT id FROM executions WHERE parent_id = \(id) AND parent_step = \(step) AND status = 'running' ORDER BY id
            """)
        let releases = try children.flatMap {
            try close(try $0.decode(String.self), of: userID, as: .canceled, reason, on: connection) ?? []
        }
        if !releases.isEmpty { try connection.pipeline(releases) }
    }

    /// Gives a run what its open approval waits for; false when it does not wait for one.
    package static func signal(
        _ id: String, of userID: String, with value: JSON, on connection: Connection
    ) throws -> Bool {
        try connection.execute(
            """
            WITH signaled AS (
                UPDATE queue q SET signal = \(value), available_at = clock_timestamp()
                WHERE q.execution_id = \(id) AND q.user_id = \(userID) AND q.state = 'waiting' AND q.signal IS NULL
                    AND EXISTS (
                        SELECT 1 FROM steps s
                        WHERE s.execution_id = q.execution_id AND s.status = 'waiting' AND s.type = 'approval'
                            AND s.error IS NULL)
                RETURNING q.execution_id)\(notifyIdleWorker)
            SELECT execution_id FROM signaled
            """) == 1
    }

    /// Takes up a run that failed or was canceled, from that step on; false when another call was faster. Its worst
    /// case is held anew.
    package static func resume(
        _ execution: Execution, budget: Budget, maxConcurrentRuns: Int?, on connection: Connection
    ) throws -> Bool {
        try connection.atomically { connection in
            let locked = try connection.query(
                """
                SELECT 1 FROM executions WHERE id = \(execution.id) AND status IN ('failed', 'canceled') FOR UPDATE
                """)
            guard !locked.isEmpty else { return false }
            // The step that failed, or led to the failed end, is done again; one that a cancel met as well.
            let isAgain = execution.status == .failed && execution.failure == nil
            try connection.pipeline(
                [
                    """
                    UPDATE steps SET superseded = true
                    WHERE execution_id = \(execution.id) AND NOT superseded
                        AND (status = 'canceled' OR \(isAgain) AND seq = \(execution.steps.last?.number ?? 0))
                    """
                ] + requeue(execution, budget: budget, maxConcurrentRuns: maxConcurrentRuns))
            return true
        }
    }
}
