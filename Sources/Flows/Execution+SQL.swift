import JSON
package import Postgres

/// An execution as the database holds it, with its times (RFC 3339).
package struct RecordedExecution: Sendable {
    package let execution: Execution
    package let createdAt: String
    package let finishedAt: String?
}

extension Execution {
    /// The user's execution of that id with all its steps, or nil.
    package static func find(_ id: String, of userID: String, on connection: Connection) throws -> RecordedExecution? {
        let found = try connection.query(
            """
            SELECT flow, input, status, stopped_at, rfc3339(created_at), rfc3339(finished_at),
                (extract(epoch FROM finished_at - created_at) * 1000000)::bigint
            FROM executions WHERE id = \(id) AND user_id = \(userID)
            """)
        guard let row = found.first else { return nil }
        let (flow, input, status, stoppedAt, createdAt, finishedAt, microseconds) = try row.decode(
            JSON.self, JSON.self, String.self, String?.self, String.self, String?.self, Int64?.self)
        var execution = Execution(id: id, userID: userID, flow: flow, input: input)
        execution.status = ExecutionStatus(rawValue: status) ?? .running
        execution.stoppedAt = stoppedAt
        execution.duration = .microseconds(microseconds ?? 0)
        execution.steps = try connection.query(
            """
            SELECT seq, task, type, status, attempt, output, error, condition, next, started_us, duration_us
            FROM steps WHERE execution_id = \(id) ORDER BY seq
            """
        ).map(Step.init)
        return RecordedExecution(execution: execution, createdAt: createdAt, finishedAt: finishedAt)
    }
}

extension Step {
    fileprivate init(_ row: Row) throws {
        let (number, task, type, status, attempt, output, error, condition, next, started, duration) = try row.decode(
            Int.self, String.self, String.self, String.self, Int.self, JSON?.self, JSON?.self, String?.self,
            String?.self, Int64.self, Int64.self)
        self.init(
            number: number, task: task, type: type, status: StepStatus(rawValue: status) ?? .failure, attempt: attempt,
            output: output ?? .null, failure: error.flatMap(TaskFailure.init), condition: condition, next: next,
            started: .microseconds(started), duration: .microseconds(duration))
    }
}
