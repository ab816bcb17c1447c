import JSON
import Postgres
import System

/// The statements of a commit.
extension Checkpoint {
    /// Inserts the execution, its steps so far and, unless it has ended, its row in the queue, in one statement.
    /// Returns when the execution was created, in microseconds since 1970.
    func opening(
        _ disposition: Disposition, _ progress: RunProgress, _ steps: NewSteps, _ elapsed: Duration,
        counting quota: StorageQuota
    ) -> SQL {
        // The times of a run that has ended differ by exactly its duration, which its answer contains.
        let finishedAt: SQL = disposition.isOver ? "statement_timestamp()" : "NULL"
        let age = disposition.isOver ? execution.duration : elapsed
        let (flow, input) = (JSONText(execution.flow), JSONText(execution.input))
        let bytes = StorageQuota.runBytes + flow.bytes.count + input.bytes.count + steps.storedBytes
        let row: SQL = """
            WITH opened AS (
                INSERT INTO executions (
                    id, user_id, flow, passes_errors, flow_id, flow_name, input, status, stopped_at, error, cost,
                    created_at, finished_at, started_by, started_by_key, traceparent)
                VALUES (\(execution.id), \(execution.userID), \(flow), \(execution.passesErrors),
                    \(execution.flowID), \(execution.flowName), \(input),
                    \(execution.status.rawValue), \(optional: execution.stoppedAt),
                    \(optional: execution.failure?.json), \(cost),
                    statement_timestamp() - \(age.microseconds) * interval '1 microsecond',
                    \(finishedAt), \(optional: execution.starter.userID), \(optional: execution.starter.keyID),
                    \(optional: execution.starter.trace))
                RETURNING created_at)
            """
        return """
            \(row)\(queued(disposition, progress)), counted AS (\(quota.counting(bytes, of: execution.userID))),
            written AS (\(insertion(of: steps, for: "\(execution.id)::uuid", from: "")))
            SELECT (extract(epoch FROM created_at) * 1000000)::bigint\(logged(disposition)) FROM opened
            """
    }

    /// Inserts the row in the queue of a run that began on the thread of its caller.
    private func queued(_ disposition: Disposition, _ progress: RunProgress) -> SQL {
        switch disposition {
        case .finished: SQL()
        case .running:
            """
            , queued AS (
                INSERT INTO queue (execution_id, user_id, state, available_at, lease, lease_until, held, prices,
                    progress)
                VALUES (\(execution.id), \(execution.userID), 'running', clock_timestamp(), \(lease),
                    clock_timestamp() + \(Lease.duration), \(budget.held), \(optional: budget.storedPrices),
                    \(progress.json)))
            """
        case .waits(let due):
            """
            , queued AS (
                INSERT INTO queue (execution_id, user_id, state, available_at, held, prices, progress)
                VALUES (\(execution.id), \(execution.userID), \(due.state), \(due.moment), \(budget.held),
                    \(optional: budget.storedPrices), \(progress.json)))\(Queue.notifyIdleWorker)
            """
        }
    }

    /// Writes the steps since the last commit and the new state of the run, if the run still has this lease.
    func later(
        _ disposition: Disposition, _ progress: RunProgress, _ steps: NewSteps, counting quota: StorageQuota
    ) -> SQL {
        let counted: SQL =
            steps.storedBytes > 0
            ? ", counted AS (\(quota.counting(steps.storedBytes, of: execution.userID)))" : SQL()
        return """
            WITH advanced AS (\(advance(disposition, progress)))\(consequence(of: disposition, progress)),
            written AS (\(insertion(of: steps, for: "a.execution_id", from: "advanced a, ")))\(counted)
            SELECT 1 / count(*)\(logged(disposition)) FROM advanced
            """
    }

    /// A column that logs what the commit changes, when the row of the run has been written.
    private func logged(_ disposition: Disposition) -> SQL {
        loggingChanges(disposition).map { ", \($0)" } ?? SQL()
    }

    /// Whether the run made progress since the last commit. A step that has only begun does not count: it may be the
    /// one that crashes each worker.
    private var hasProgressed: Bool { execution.steps.count > storedSteps }

    private func advance(_ disposition: Disposition, _ progress: RunProgress) -> SQL {
        let ownRow: SQL = "WHERE execution_id = \(execution.id) AND lease = \(lease) RETURNING execution_id"
        switch disposition {
        case .finished: return "DELETE FROM queue \(ownRow)"
        case .running:
            return """
                UPDATE queue
                SET lease_until = clock_timestamp() + \(Lease.duration), held = \(budget.held), signal = NULL,
                    progress = \(progress.json), claims = CASE WHEN \(hasProgressed) THEN 0 ELSE claims END,
                    is_suspect = is_suspect AND NOT \(hasProgressed), is_alone = is_alone AND NOT \(hasProgressed)
                \(ownRow)
                """
        case .waits(let due):
            return """
                UPDATE queue
                SET lease = NULL, lease_until = NULL, claims = 0, is_suspect = false, is_alone = false,
                    held = \(budget.held),
                    progress = \(progress.json),
                    signal = NULL, is_woken = false, available_at = \(due.moment),
                    state = CASE WHEN is_woken THEN 'queued' ELSE \(due.state) END,
                    is_admitted = is_woken OR NOT (is_limited AND \(disposition.waitsForRuns))
                \(ownRow)
                """
        }
    }

    /// The statement parts for what follows from a commit: the end of the run notifies its watchers, and a run that its
    /// call no longer executes notifies an idle worker.
    private func consequence(of disposition: Disposition, _ progress: RunProgress) -> SQL {
        switch (disposition, executor) {
        case (.finished, _): ending(progress)
        case (.waits, .call): Queue.notifyIdleWorker
        case (.waits, .worker), (.running, _): SQL()
        }
    }

    private func ending(_ progress: RunProgress) -> SQL {
        // Only such a run can have a notification.
        let isOfWorkflow = execution.source.workflowID != nil && execution.parent == nil
        return """
            , ended AS (
                UPDATE executions e
                SET status = \(execution.status.rawValue), stopped_at = \(optional: execution.stoppedAt),
                    error = \(optional: execution.failure?.json), cost = \(cost),
                    processor_us = \(progress.processorTime.microseconds),
                    finished_at = created_at + \(execution.duration.microseconds) * interval '1 microsecond'
                FROM advanced a WHERE e.id = a.execution_id AND e.id = \(execution.id)
                RETURNING \(EndNotification.columns))\(isOfWorkflow ? EndNotification.recording : SQL())\
            \(Queue.notifyWatchers(of: execution))
            """
    }

    private func insertion(of steps: NewSteps, for id: SQL, from: SQL) -> SQL {
        let insertion: SQL = """
            INSERT INTO steps (execution_id, seq, task, type, status, attempt, input, output, error, condition, next,
                started_us, duration_us, cost)
            SELECT \(id), s.*
            FROM \(from)json_to_recordset(\(steps.rows)) AS s (
                seq integer, task text, type text, status step_status, attempt integer, input json, output json,
                error json, condition text, next text, started_us bigint, duration_us bigint, cost bigint)
            """
        guard isOpenStepStored else { return insertion }
        return """
            \(insertion)
            ON CONFLICT (execution_id, seq) DO UPDATE
            SET status = excluded.status, attempt = excluded.attempt, input = excluded.input,
                output = excluded.output, error = excluded.error, condition = excluded.condition, next = excluded.next,
                duration_us = excluded.duration_us,
                cost = excluded.cost
            """
    }
}

/// The steps that a commit writes, as one JSON array of rows.
struct NewSteps {
    let rows: JSONText
    /// Of those that have ended.
    let outputs: [JSONText]
    /// What those count that have ended.
    let storedBytes: Int

    init(of checkpoint: Checkpoint) {
        let ended = checkpoint.execution.steps[checkpoint.storedSteps...]
        let outputs = ended.map { JSONText($0.output) }
        var bytes = 0
        rows = JSONText.array { rows in
            for (step, output) in zip(ended, outputs) {
                rows.element(object: { bytes += StorageQuota.stepBytes + step.writeRow(output, to: &$0) })
            }
            if let step = checkpoint.openStep {
                rows.element(object: { _ = step.writeRow(JSONText(step.output), to: &$0) })
            }
        }
        self.outputs = outputs
        storedBytes = bytes
    }
}

extension Due {
    /// The state of a run that is due then: one that is due at once is queued.
    var state: SQL {
        if case .after(let delay) = self, delay <= .zero { "'queued'::run_status" } else { "'waiting'::run_status" }
    }

    /// The time as an SQL expression, by the database's clock.
    var moment: SQL {
        switch self {
        case .after(let duration): "clock_timestamp() + \(duration.microseconds) * interval '1 microsecond'"
        case .at(let text, nil): "\(text)::timestamptz"
        case .at(let text, let rest?): "least(\(text)::timestamptz, \(Due.after(rest).moment))"
        case .woken, .runs(orAfter: nil): "'infinity'"
        case .runs(let rest?): Due.after(rest).moment
        }
    }
}

extension Step {
    /// Writes the step as a row of `steps`, in which absent members and null are NULL; returns the bytes of its input,
    /// output and error.
    fileprivate func writeRow(_ output: JSONText, to row: inout JSONWriter) -> Int {
        row.member("seq", number)
        row.member("task", task)
        row.member("type", type)
        row.member("status", status.rawValue)
        row.member("attempt", attempt)
        row.member("started_us", started.microseconds)
        row.member("duration_us", duration.microseconds)
        row.member("cost", cost)
        if let condition { row.member("condition", condition) }
        if let next { row.member("next", next) }
        var bytes = 0
        if let input {
            let text = JSONText(input)
            row.member("input", text)
            bytes += text.bytes.count
        }
        if let failure {
            let error = JSONText(failure.json)
            row.member("error", error)
            return bytes + error.bytes.count
        }
        guard self.output != .null else { return bytes }
        row.member("output", output)
        return bytes + output.bytes.count
    }
}
