import JSON
import Postgres

/// Interventions: changes to a run that do not come from its worker.
extension Queue {
    /// Ends an active run, leased or not. The open step is marked as canceled, held credits that were not used are
    /// released, and the runs that it started end too. The worker that executes the run finds out at its next commit,
    /// which fails. Returns the end of each of these runs; nothing if the run has already ended.
    ///
    /// - Parameters:
    ///   - status: `canceled`, or `failed` for a run that is given up.
    ///   - lease: if given, the run is ended only if this is still its lease.
    static func end(
        _ id: String, of userID: String, as status: ExecutionStatus, _ reason: TaskFailure, lease: String? = nil,
        maxConcurrentRuns: Int?, on connection: Connection
    ) throws -> [EngineEvent] {
        try connection.atomically { connection in
            try connection.execute(ConcurrencyLimit.lock(of: userID))
            let closed = try close(id, of: userID, as: status, reason, lease: lease, on: connection)
            guard !closed.ends.isEmpty else { return [] }
            // An idle worker is notified because the parent run and the runs that take over the concurrency slot may be
            // due now. Credits are locked last, as in every transaction.
            let notification: SQL = "WITH ended AS (SELECT)\(notifyIdleWorker) SELECT"
            try connection.pipeline(
                ["SELECT admit_runs(\(userID), \(optional: maxConcurrentRuns))", notification] + closed.releases)
            return closed.ends
        }
    }

    /// Runs that were closed.
    private struct Closed {
        /// The statements that release the credits held for the runs.
        var releases: [SQL] = []
        var ends: [EngineEvent] = []
    }

    /// Ends a run, unless it has already ended, and the runs that it started.
    private static func close(
        _ id: String, of userID: String, as status: ExecutionStatus, _ reason: TaskFailure, lease: String? = nil,
        on connection: Connection
    ) throws -> Closed {
        let rows = try connection.query(
            """
            DELETE FROM queue WHERE execution_id = \(id) AND user_id = \(userID)
                AND (\(optional: lease)::uuid IS NULL OR lease = \(optional: lease)) RETURNING held
            """)
        var closed = Closed()
        guard let held = try rows.first?.decode(Int64.self) else { return closed }
        if held > 0 { closed.releases.append(Ledger.release(held, of: userID, execution: id)) }
        let results = try connection.pipeline([
            """
            WITH open AS (
                UPDATE steps SET status = 'canceled'
                WHERE execution_id = \(id) AND status IN ('running', 'waiting') RETURNING task)
            UPDATE executions
            SET status = \(status.rawValue), error = \(reason.json), finished_at = clock_timestamp(),
                stopped_at = (SELECT task FROM open),
                cost = coalesce((SELECT sum(cost) FROM steps WHERE execution_id = \(id)), 0)
            WHERE id = \(id) RETURNING (extract(epoch FROM finished_at - created_at) * 1000000)::bigint
            """,
            "DELETE FROM watchers WHERE execution_id = \(id) RETURNING pg_notify('flow_end', execution_id::text)",
            """
            UPDATE queue q SET \(wake)
            WHERE q.execution_id = (SELECT parent_id FROM executions WHERE id = \(id))
            """,
        ])
        let duration = Duration.microseconds(try results[0].first?.decode(Int64.self) ?? 0)
        closed.ends.append(.runFinished(status: status, duration: duration))
        let children = try connection.query(
            "SELECT id FROM executions WHERE parent_id = \(id) AND status = 'running' ORDER BY id")
        for child in children {
            let more = try close(try child.decode(String.self), of: userID, as: .canceled, reason, on: connection)
            closed.releases += more.releases
            closed.ends += more.ends
        }
        return closed
    }

    /// Ends the runs that a step started and no longer waits for, in the open transaction. Returns the end of each.
    static func endChildren(
        of id: String, step: Int, _ userID: String, on connection: Connection
    ) throws -> [EngineEvent] {
        try connection.execute(ConcurrencyLimit.lock(of: userID))
        let reason = TaskFailure(code: "canceled", message: "The step that started the run has ended")
        let children = try connection.query(
            """
            SELECT id FROM executions WHERE parent_id = \(id) AND parent_step = \(step) AND status = 'running'
            ORDER BY id
            """)
        let closed = try children.map {
            try close(try $0.decode(String.self), of: userID, as: .canceled, reason, on: connection)
        }
        let releases = closed.flatMap(\.releases)
        if !releases.isEmpty { try connection.pipeline(releases) }
        return closed.flatMap(\.ends)
    }

    /// Delivers the signal that the run's open step waits for. Returns false if no step waits for one, or if it already
    /// has one.
    ///
    /// - Parameter types: the task types that wait for a signal.
    static func signal(
        _ id: String, of userID: String, with value: JSON, types: [String], on connection: Connection
    ) throws -> Bool {
        try connection.execute(
            """
            WITH signaled AS (
                UPDATE queue q SET signal = \(value), state = 'queued'
                WHERE q.execution_id = \(id) AND q.user_id = \(userID) AND q.state = 'waiting' AND q.signal IS NULL
                    AND EXISTS (
                        SELECT 1 FROM steps s
                        WHERE s.execution_id = q.execution_id AND s.status = 'waiting'
                            AND s.type = ANY(\(types)::text[])
                            AND s.error IS NULL)
                RETURNING q.execution_id)\(notifyIdleWorker)
            SELECT execution_id FROM signaled
            """) == 1
    }

    /// Puts a failed or canceled run back into the queue, to continue from the step at which it ended. The credits for
    /// the worst case of its rest are held. Returns false if the run is active or has completed.
    ///
    /// - Parameter budget: that of a whole run of `flow`.
    static func resume(
        _ execution: Execution, _ flow: Flow, budget: Budget, maxConcurrentRuns: Int?, on connection: Connection
    ) throws -> Bool {
        try connection.atomically { connection in
            let locked = try connection.query(
                """
                SELECT 1 FROM executions WHERE id = \(execution.id) AND status IN ('failed', 'canceled') FOR UPDATE
                """)
            // Another call may have resumed the run, and it may have ended again, after the caller read it.
            guard !locked.isEmpty,
                let execution = try Execution.find(execution.id, of: execution.userID, on: connection)?.execution
            else { return false }
            let steps = execution.steps.filter { !$0.isSuperseded }
            let repeated = steps.filter(execution.isRepeatedByResume).map { Int64($0.number) }
            let rest = budget.remaining(of: flow, after: steps.filter { !execution.isRepeatedByResume($0) })
            try connection.pipeline(
                [
                    """
                    UPDATE steps SET superseded = true
                    WHERE execution_id = \(execution.id) AND seq = ANY(\(repeated)::bigint[])
                    """
                ] + requeue(execution, budget: rest, maxConcurrentRuns: maxConcurrentRuns))
            return true
        }
    }
}

extension Execution {
    /// Whether a resume repeats this step: the step that failed or led to the failed end, or one that was canceled.
    fileprivate func isRepeatedByResume(_ step: Step) -> Bool {
        step.status == .canceled || status == .failed && failure == nil && step.number == steps.last?.number
    }
}
