import Postgres

/// Puts runs into the queue.
extension Queue {
    /// Returns the statements that put new runs of the same flow into the queue and hold the credits for their worst
    /// cases. The caller executes them in its transaction.
    static func enqueue(_ executions: [Execution], budget: Budget, counting quota: StorageQuota) -> [SQL] {
        enqueue([(executions, budget)], counting: quota)
    }

    /// The same for runs of several flows. Credits are locked last.
    static func enqueue(_ groups: [(executions: [Execution], budget: Budget)], counting quota: StorageQuota) -> [SQL] {
        var payments: [SQL] = []
        return groups.flatMap { insertions(of: $0.executions, $0.budget, counting: quota, &payments) } + payments
    }

    private static func insertions(
        of executions: [Execution], _ budget: Budget, counting quota: StorageQuota, _ payments: inout [SQL]
    ) -> [SQL] {
        let insertions = executions.flatMap { execution in
            var budget = budget
            payments += budget.hold(for: execution)
            return [insertion(of: execution, budget, counting: quota)] + copySteps(execution, counting: quota)
        }
        guard let source = executions.first?.source, source.isLimited, let workflowID = source.workflowID else {
            return Places.reading(limitOf: executions.first?.source, before: insertions)
        }
        return Places.around(insertions, of: workflowID, executions[0].userID)
    }

    private static func insertion(of execution: Execution, _ budget: Budget, counting quota: StorageQuota) -> SQL {
        let (workflowID, version) = (execution.source.workflowID, execution.source.version)
        let (parent, fork) = (execution.parent, execution.fork)
        // A stored workflow's version holds the flow.
        let ownFlow = workflowID == nil ? Optional(execution.flow) : Optional.none
        return """
            WITH opened AS (
                INSERT INTO executions AS e (id, user_id, flow, passes_errors, flow_id, flow_name, input, status,
                    created_at, workflow_id, version, parent_id, parent_step, parent_attempt, item, forked_from,
                    fork_step, fork_input, copied_inputs, differs, pins, started_by, started_by_key, traceparent,
                    trigger)
                VALUES (\(execution.id), \(execution.userID), \(optional: ownFlow),
                    \(optional: ownFlow.map { _ in execution.passesErrors }),
                    \(execution.flowID), \(execution.flowName), \(execution.input), 'running', clock_timestamp(),
                    \(optional: workflowID), \(optional: version),
                    \(optional: parent?.executionID), \(optional: parent?.step), \(optional: parent?.attempt),
                    \(optional: parent?.item),
                    \(optional: fork?.executionID), \(optional: fork?.step),
                    \(optional: fork?.input), \(optional: fork?.storedEarlierInputs),
                    \(optional: fork?.differences?.json), \(optional: budget.pins),
                    \(starter(of: execution)))
                RETURNING stored_bytes(e) AS bytes, started_by_key),
            counted AS (\(quota.counting("(SELECT bytes FROM opened)", of: execution.userID)))\(notifyIdleWorker),
            queued AS (\(queueRow(execution, budget)) RETURNING execution_id)
            SELECT \(loggingQueued(execution)) FROM queued, opened
            """
    }

    /// The call that logs that the run is queued. Refers to its row as `opened`.
    private static func loggingQueued(_ execution: Execution) -> SQL {
        let cost = execution.steps.reduce(0) { $0 + $1.cost }
        return RunChanges.writing(
            RunChanges.text(of: RunStatusChange(.queued, of: execution, cost: cost)), of: execution.id,
            ownedBy: execution.userID, startedBy: "opened.started_by_key")
    }

    /// The values of `started_by`, `started_by_key`, `traceparent` and `trigger`: the first three are those of the run
    /// that starts this one, if there is one.
    private static func starter(of execution: Execution) -> SQL {
        guard let parent = execution.parent?.executionID else {
            let starter = execution.starter
            return """
                \(optional: starter.userID), \(optional: starter.keyID), \(optional: starter.trace),
                \(optional: starter.trigger?.json)
                """
        }
        return """
            (SELECT p.started_by FROM executions p WHERE p.id = \(parent)),
            (SELECT p.started_by_key FROM executions p WHERE p.id = \(parent)),
            (SELECT p.traceparent FROM executions p WHERE p.id = \(parent)), NULL
            """
    }

    /// For a fork, which is inserted before: copies the steps of the original run that come before the first step to
    /// repeat. Their times are those of the original run.
    private static func copySteps(_ execution: Execution, counting quota: StorageQuota) -> [SQL] {
        guard let fork = execution.fork else { return [] }
        return [
            """
            WITH copied AS (
                INSERT INTO steps AS c (execution_id, seq, task, type, status, attempt, input, output, error, condition,
                    next, started_us, duration_us, superseded)
                SELECT e.id, s.seq, s.task, s.type, s.status, s.attempt, s.input, s.output, s.error, s.condition,
                    s.next,
                    s.started_us + (extract(epoch FROM former.created_at - e.created_at) * 1000000)::bigint,
                    s.duration_us, s.superseded
                FROM executions e, executions former, steps s
                WHERE e.id = \(execution.id) AND former.id = \(fork.executionID)
                    AND s.execution_id = \(fork.executionID) AND s.seq < \(fork.step)
                RETURNING stored_bytes(c) AS bytes)
            \(quota.counting("(SELECT sum(bytes)::bigint FROM copied)", of: execution.userID))
            """
        ]
    }

    /// Returns the statements that put a run that has ended back into the queue, to continue from the step at which it
    /// failed or was canceled.
    static func requeue(_ execution: Execution, budget: Budget) -> [SQL] {
        var budget = budget
        let payment = budget.hold(for: execution)
        let reopening: SQL = """
            WITH opened AS (
                UPDATE executions SET status = 'running', stopped_at = NULL, error = NULL, finished_at = NULL,
                    pins = \(optional: budget.pins)
                WHERE id = \(execution.id) RETURNING started_by_key)\(notifyIdleWorker),
            queued AS (\(queueRow(execution, budget)) RETURNING execution_id)
            SELECT \(loggingQueued(execution)) FROM queued, opened
            """
        guard execution.source.isLimited, let workflowID = execution.source.workflowID else {
            return Places.reading(limitOf: execution.source, before: [reopening]) + payment
        }
        return Places.around(reopening, of: workflowID, execution.userID) + payment
    }

    /// Inserts the row of a queued run, with the limit and the priority that its workflow has now: they may have
    /// changed since the call read it. A run has at least the priority of the run that waits for it.
    private static func queueRow(_ execution: Execution, _ budget: Budget) -> SQL {
        let inherited: SQL =
            execution.parent.map { parent in
                "(SELECT p.priority FROM queue p WHERE p.execution_id = \(parent.executionID))"
            } ?? "0"
        return """
            INSERT INTO queue (execution_id, user_id, workflow_id, state, available_at, held, prices, is_limited,
                is_admitted, parent_id, parent_step, priority)
            SELECT \(execution.id)::uuid, \(execution.userID)::uuid, \(optional: execution.source.workflowID)::uuid,
                'queued', clock_timestamp(), \(budget.held)::bigint, \(optional: budget.storedPrices)::json,
                now.is_limited, NOT now.is_limited, \(optional: execution.parent?.executionID)::uuid,
                \(optional: execution.parent?.step)::integer, greatest(now.priority, \(inherited))
            FROM (
                SELECT coalesce(bool_or(w.concurrency IS NOT NULL), false) AS is_limited,
                    coalesce(max(w.priority), 0) AS priority
                FROM workflows w WHERE w.id = \(optional: execution.source.workflowID)
            ) AS now
            """
    }
}
