import JSON
import Postgres

/// Puts a run on the record: what of it is in the database, and what the next commit adds.
struct Checkpoint {
    private(set) var execution: Execution
    private var storedSteps = 0
    private(set) var isStored = false

    init(_ execution: Execution) { self.execution = execution }

    mutating func append(_ step: Step) { execution.steps.append(step) }

    mutating func end(_ status: ExecutionStatus, stoppedAt: String?, after duration: Duration) {
        execution.status = status
        execution.stoppedAt = stoppedAt
        execution.duration = duration
    }

    /// Commits everything since the last commit, with the open transaction if there is one and with `others`, which
    /// need one. When the answer to the commit was lost, the database is asked whether it happened; an error from
    /// here means that it did not, or that even this question got no answer.
    mutating func commit(on connection: Connection, elapsed: Duration, together others: [SQL] = []) throws {
        let statement = isStored ? progress() : opening(elapsed)
        let isAlone = connection.transactionStatus == .idle
        do {
            if isAlone {
                try connection.execute(statement)
            } else {
                try connection.commit(after: [statement] + others)
            }
        } catch {
            let mayHaveHappened = error.kind == .commitUnknown || isAlone && error.losesAnswer
            guard mayHaveHappened, try isOnRecord(connection) else { throw error }
        }
        isStored = true
        storedSteps = execution.steps.count
    }

    /// The execution and its steps so far, as one statement.
    private func opening(_ elapsed: Duration) -> SQL {
        """
        WITH opened AS (
            INSERT INTO executions (id, user_id, flow, input, status, stopped_at, created_at, finished_at)
            VALUES (\(execution.id), \(execution.userID), \(execution.flow), \(execution.input),
                \(execution.status.rawValue), \(optional: execution.stoppedAt),
                clock_timestamp() - \(elapsed.microseconds) * interval '1 microsecond', \(finishedAt)))
        \(newSteps(of: "\(execution.id)::uuid"))
        """
    }

    /// The steps since the last commit and the new status. When somebody else has ended the run, there is no row to
    /// update and no id to take from it: `steps` refuses NULL, and with the statement the whole commit fails.
    private func progress() -> SQL {
        """
        WITH advanced AS (
            UPDATE executions
            SET status = \(execution.status.rawValue), stopped_at = \(optional: execution.stoppedAt), finished_at = \(finishedAt)
            WHERE id = \(execution.id) AND status = 'running'
            RETURNING id)
        \(newSteps(of: "(SELECT id FROM advanced)"))
        """
    }

    private var finishedAt: SQL { execution.status == .running ? "NULL" : "clock_timestamp()" }

    private func newSteps(of id: SQL) -> SQL {
        """
        INSERT INTO steps (execution_id, seq, task, type, status, attempt, output, error, condition, next,
            started_us, duration_us)
        SELECT \(id), s.*
        FROM json_to_recordset(\(JSON.array(execution.steps[storedSteps...].map(\.row)))) AS s (
            seq integer, task text, type text, status text, attempt integer, output json, error json, condition text,
            next text, started_us bigint, duration_us bigint)
        """
    }

    /// Whether a commit whose answer was lost did happen: its last step, or the run itself, is there.
    private func isOnRecord(_ connection: Connection) throws -> Bool {
        try !connection.query(
            """
            SELECT 1 FROM executions e
            WHERE e.id = \(execution.id) AND e.status = \(execution.status.rawValue) AND \(execution.steps.count)
                = (SELECT count(*) FROM steps s WHERE s.execution_id = e.id)
            """
        ).isEmpty
    }
}

extension PostgresError {
    /// Whether a statement that commits by itself may have been carried out all the same.
    fileprivate var losesAnswer: Bool { kind == .connectionLost || kind == .timedOut }
}

extension Step {
    /// The step as a row of `steps`; absent members are NULL.
    fileprivate var row: JSON {
        var row: [JSONObject.Member] = [
            .init(name: "seq", value: JSON(number)),
            .init(name: "task", value: .string(task)),
            .init(name: "type", value: .string(type)),
            .init(name: "status", value: .string(status.rawValue)),
            .init(name: "attempt", value: JSON(attempt)),
            .init(name: "started_us", value: .integer(started.microseconds)),
            .init(name: "duration_us", value: .integer(duration.microseconds)),
        ]
        if let failure {
            row.append(.init(name: "error", value: failure.json))
        } else {
            row.append(.init(name: "output", value: output))
        }
        if let condition { row.append(.init(name: "condition", value: .string(condition))) }
        if let next { row.append(.init(name: "next", value: .string(next))) }
        return .object(JSONObject(row))
    }
}
