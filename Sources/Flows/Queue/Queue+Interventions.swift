import JSON
import Postgres

/// Interventions: changes to a run that do not come from its worker.
extension Queue {
    /// Ends an active run, leased or not. The open step is marked as canceled, held credits that were not used are
    /// released, and the runs that it started end too. The worker that executes the run finds out at its next commit,
    /// which fails. Returns the end of each of these runs; nothing if the run has already ended.
    ///
    /// - Parameters:
    ///   - status: `canceled`, `failed` for a run that is given up, or `expired`.
    ///   - lease: if given, the run is ended only if this is still its lease.
    static func end(
        _ execution: ExecutionOf<some JSONValue>, as status: ExecutionStatus, _ reason: TaskFailure,
        lease: String? = nil,
        on connection: Connection
    ) throws -> [EngineEvent] {
        try connection.atomically { connection in
            try connection.execute(Places.lock(of: execution.userID))
            let removed = try remove(
                """
                execution_id = \(execution.id) AND user_id = \(execution.userID)
                    AND (\(optional: lease)::uuid IS NULL OR lease = \(optional: lease))
                """, on: connection)
            let wakeParent = execution.parent.map { parent -> SQL in
                "UPDATE queue q SET \(wake) WHERE q.execution_id = \(parent.executionID)"
            }
            let admission = Places.admitParent(of: execution)
            return try close(
                removed, of: execution.userID, execution.id, as: status, reason,
                then: [wakeParent, admission].compactMap(\.self), on: connection)
        }
    }

    /// Ends the runs that a step started and no longer waits for, in the open transaction. Returns the end of each.
    static func endChildren(
        of id: String, step: Int, _ userID: String, on connection: Connection
    ) throws -> [EngineEvent] {
        try connection.execute(Places.lock(of: userID))
        let reason = TaskFailure(code: "canceled", message: "The step that started the run has ended")
        let removed = try remove("parent_id = \(id) AND parent_step = \(step)", on: connection)
        return try close(removed, of: userID, as: .canceled, reason, on: connection)
    }

    /// A run that was removed from the queue.
    struct Removed {
        let id: String
        let held: Int64
        /// The workflow of which the run held a place, or waited for one.
        let limitedWorkflow: String?
        /// In microseconds; 0 if the run has not been stored since it was queued.
        let processorTime: Int64
        /// The cost of its steps; -1 if the run has not been stored since it was queued.
        let cost: Int64
    }

    /// Removes the runs that fulfil the condition from the queue, and those that they started, level by level.
    private static func remove(_ condition: SQL, on connection: Connection) throws -> [Removed] {
        let removed = try removeAlone(condition, on: connection)
        guard !removed.isEmpty else { return [] }
        return try removed + remove("parent_id = ANY(\(removed.map(\.id))::uuid[])", on: connection)
    }

    /// Removes the runs that fulfil the condition from the queue.
    static func removeAlone(_ condition: SQL, on connection: Connection) throws -> [Removed] {
        let rows = try connection.query(
            """
            DELETE FROM queue WHERE \(condition)
            RETURNING execution_id, held, CASE WHEN is_limited THEN workflow_id END,
                coalesce((progress->>'processor_us')::bigint, 0), coalesce((progress->>'cost')::bigint, -1)
            """)
        return try rows.map { row in
            let (id, held, limitedWorkflow, processorTime, cost) = try row.decode(
                String.self, Int64.self, String?.self, Int64.self, Int64.self)
            return Removed(
                id: id, held: held, limitedWorkflow: limitedWorkflow, processorTime: processorTime, cost: cost)
        }
    }

    /// Ends the runs that were removed from the queue.
    ///
    /// - Parameters:
    ///   - first: the run that ends as `status`. The others were started by it, directly or not, and are canceled.
    ///   - statements: executed before runs are admitted to the places that become free.
    static func close(
        _ removed: [Removed], of userID: String, _ first: String? = nil, as status: ExecutionStatus,
        _ reason: TaskFailure, then statements: [SQL] = [], admitting: Bool = true, on connection: Connection
    ) throws -> [EngineEvent] {
        guard !removed.isEmpty else { return [] }
        let ids = removed.map(\.id)
        let ended = try connection.query(
            """
            WITH open AS (
                UPDATE steps SET status = 'canceled', output = NULL
                WHERE (execution_id, seq) IN (
                    SELECT id, (SELECT l.seq FROM steps l WHERE l.execution_id = id ORDER BY l.seq DESC LIMIT 1)
                    FROM unnest(\(ids)::uuid[]) AS id) AND status IN ('running', 'waiting')
                RETURNING execution_id, seq, task, type, attempt, started_us)
            UPDATE executions e
            SET status = CASE WHEN e.id = \(optional: first) THEN \(status.rawValue)::run_status ELSE 'canceled' END,
                error = \(reason.json), finished_at = clock_timestamp(), stopped_at = ending.task,
                cost = CASE WHEN ending.cost >= 0 THEN ending.cost
                    ELSE coalesce((SELECT sum(s.cost) FROM steps s WHERE s.execution_id = e.id), 0) END,
                processor_us = greatest(e.processor_us, ending.processor_us)
            FROM (
                SELECT run.id, run.processor_us, run.cost, open.*
                FROM unnest(\(ids)::uuid[], \(removed.map(\.processorTime))::bigint[], \(removed.map(\.cost))::bigint[])
                    AS run (id, processor_us, cost)
                LEFT JOIN open ON open.execution_id = run.id) ending
            WHERE e.id = ending.id
            RETURNING \(ClosedRun.columns)
            """
        ).map { try ClosedRun($0) }
        // An idle worker is notified because the parent run and the runs that are admitted may be due now. Credits are
        // locked last, as in every transaction.
        try connection.pipeline(
            [
                """
                DELETE FROM watchers WHERE execution_id = ANY(\(ids)::uuid[])
                RETURNING pg_notify('flow_end', execution_id::text)
                """
            ] + statements
                + (admitting ? Set(removed.compactMap(\.limitedWorkflow)).sorted().map(Places.admit) : [])
                + EndNotification.recording(of: ended)
                + ["WITH ended AS (SELECT)\(notifyIdleWorker) SELECT", ClosedRun.logging(ended, reason, of: userID)]
                + removed.filter { $0.held > 0 }.map { Ledger.release($0.held, of: userID, execution: $0.id) })
        return ended.map { .runFinished(status: $0.change.status, duration: $0.change.duration ?? .zero) }
    }

    /// Delivers the signal that a step of the run waits for. Returns false if the step does not wait for one, if it
    /// already has one, or if its time has passed.
    ///
    /// - Parameter types: the task types that wait for a signal.
    static func signal(
        _ id: String, step: Int, with value: JSON, types: [String], on connection: Connection
    ) throws -> Bool {
        try connection.execute(
            """
            WITH signaled AS (
                UPDATE queue q SET signal = \(value), state = 'queued'
                WHERE q.execution_id = \(id) AND q.state = 'waiting' AND q.signal IS NULL
                    AND q.available_at > clock_timestamp() AND (
                        SELECT s.seq = \(step) AND s.status = 'waiting' AND s.type = ANY(\(types)::text[])
                            AND s.error IS NULL
                        FROM steps s WHERE s.execution_id = q.execution_id ORDER BY s.seq DESC LIMIT 1)
                RETURNING q.execution_id)\(notifyIdleWorker)
            SELECT execution_id FROM signaled
            """) == 1
    }

    /// Puts a failed or canceled run back into the queue, to continue from the step at which it ended. The credits for
    /// the worst case of its rest are held. Returns false if the run is active or has completed, or if its lifetime is
    /// over.
    ///
    /// - Parameter budget: that of a whole run of `flow`.
    static func resume(
        _ execution: ExecutionOf<some JSONValue>, _ flow: Flow, budget: Budget, within lifetime: RunLifetime,
        on connection: Connection
    ) throws -> Bool {
        try connection.atomically { connection in
            try connection.execute(Places.lock(of: execution.userID))
            let locked = try connection.query(
                """
                SELECT 1 FROM executions
                WHERE id = \(execution.id) AND status IN ('failed', 'canceled')
                    AND \(lifetime.isLeft(for: "id"))
                FOR UPDATE
                """)
            // Another call may have resumed the run, and it may have ended again, after the caller read it.
            guard !locked.isEmpty,
                let execution = try Execution.findWithoutOutputs(execution.id, of: execution.userID, on: connection)
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
                ] + requeue(execution, budget: rest))
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
