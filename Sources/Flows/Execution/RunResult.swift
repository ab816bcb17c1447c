package import JSON
package import Postgres

/// The status of a run and, once it has ended, its result: what a run that started it needs to know.
package struct RunResult: Sendable {
    package let status: ExecutionStatus
    /// Null while the run is active.
    package let output: JSON
    package let error: TaskFailure?

    /// The results of these runs, in the order of the ids.
    package static func all(_ ids: [String], on connection: Connection) throws -> [RunResult] {
        guard !ids.isEmpty else { return [] }
        return try connection.query(
            """
            SELECT e.status, s.output, coalesce(e.error, s.error)
            FROM unnest(\(ids)::uuid[]) WITH ORDINALITY AS wanted (id, ordinal)
            JOIN executions e ON e.id = wanted.id
            LEFT JOIN LATERAL (
                SELECT s.output, s.error FROM steps s WHERE s.execution_id = e.id ORDER BY s.seq DESC LIMIT 1
            ) s ON e.status <> 'running'
            ORDER BY wanted.ordinal
            """
        ).map { row in
            let (status, output, error) = try row.decode(String.self, JSON?.self, JSON?.self)
            return RunResult(
                status: ExecutionStatus(rawValue: status) ?? .failed, output: output ?? .null,
                error: error.flatMap { TaskFailure(json: $0) })
        }
    }
}

extension Execution {
    /// How many runs, this one included, lie between a run and the one at the root of its tree; counted up to `limit`.
    static func depth(of id: String, limit: Int, on connection: Connection) throws -> Int {
        try connection.query(
            """
            WITH RECURSIVE above AS (
                SELECT e.parent_id, 1 AS level FROM executions e WHERE e.id = \(id)
                UNION ALL
                SELECT e.parent_id, a.level + 1 FROM above a JOIN executions e ON e.id = a.parent_id
                WHERE a.level < \(limit))
            SELECT coalesce(max(level), 1) FROM above
            """
        ).only.decode(Int.self)
    }
}
