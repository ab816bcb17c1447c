import JSON
import Postgres

/// A run that an intervention has ended, as the event log describes it.
struct ClosedRun {
    let id: String
    let change: RunStatusChange
    private let keyID: String?
    /// The step that was open, which is canceled.
    private let step: Step?

    /// What `init` reads, of `executions e` and of `ending`, which has the columns of the open step.
    static let columns: SQL = """
        e.id, e.started_by_key, e.status, e.stopped_at, e.cost,
        (extract(epoch FROM e.finished_at - e.created_at) * 1000000)::bigint,
        coalesce(e.flow_id, e.flow->>'id', ''), coalesce(e.flow_name, e.flow->>'name', ''),
        e.workflow_id, e.version, e.parent_id,
        ending.seq, ending.task, ending.type, ending.attempt, ending.started_us
        """

    init(_ row: Row) throws {
        var columns = row.columns
        id = try columns.next()
        keyID = try columns.next()
        var change = RunStatusChange(ExecutionStatus(rawValue: try columns.next()) ?? .canceled)
        change.stoppedAt = try columns.next(String?.self)
        change.cost = try columns.next(Int64.self)
        change.duration = .microseconds(try columns.next(Int64.self))
        change.flowID = try columns.next(String.self)
        change.flowName = try columns.next(String.self)
        change.workflowID = try columns.next(String?.self)
        change.version = try columns.next(Int?.self)
        change.parentID = try columns.next(String?.self)
        self.change = change
        let (number, task) = (try columns.next(Int?.self), try columns.next(String?.self))
        let (type, attempt) = (try columns.next(String?.self), try columns.next(Int?.self))
        let started = try columns.next(Int64?.self)
        guard let number, let task, let type, let attempt, let started else {
            step = nil
            return
        }
        step = Step(
            number: number, task: task, type: type, status: .canceled, attempt: attempt, output: .null, failure: nil,
            condition: nil, next: nil, started: .microseconds(started), duration: .zero)
    }

    /// Writes the ends of these runs of the user to the event log, if anyone reads them.
    static func logging(_ runs: [ClosedRun], _ reason: TaskFailure, of userID: String) -> SQL {
        let rows = JSONText.array { rows in
            for run in runs {
                var change = run.change
                change.failure = reason
                let steps = run.step.map { [$0] } ?? []
                rows.element { row in
                    row.member("run", run.id)
                    row.member("key", optional: run.keyID)
                    row.member("changes", RunChanges(status: change).text(with: steps) ?? .null)
                }
            }
        }
        return """
            SELECT write_events(\(userID)::uuid, r.run, r.key, r.changes)
            FROM json_to_recordset(\(rows)::json) AS r (run uuid, key uuid, changes json)
            """
    }
}
