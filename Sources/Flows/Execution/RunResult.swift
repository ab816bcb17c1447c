package import JSON
package import Postgres

/// The status of a run and, once it has ended, its result: what a run that started it needs to know.
package struct RunResult: Sendable {
    package let status: ExecutionStatus
    /// Null while the run is active.
    package let output: JSON
    package let error: TaskFailure?

    /// The result of this run; nil if there is no such run.
    package static func find(_ id: String, on connection: Connection) throws -> RunResult? {
        try connection.query(
            """
            SELECT e.status, s.output, coalesce(e.error, s.error)
            FROM executions e \(lastStep)
            WHERE e.id = \(id)
            """
        ).first.map { row in
            let (status, output, error) = try row.decode(String.self, JSON?.self, JSON?.self)
            return RunResult(
                status: ExecutionStatus(rawValue: status) ?? .failed, output: output ?? .null,
                error: error.flatMap { TaskFailure(json: $0) })
        }
    }

    /// Joins the last step of an execution that has ended.
    static let lastStep: SQL = """
        LEFT JOIN LATERAL (
            SELECT s.output, s.error FROM steps s WHERE s.execution_id = e.id ORDER BY s.seq DESC LIMIT 1
        ) s ON e.status <> 'running'
        """
}
