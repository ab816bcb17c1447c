package import Postgres

/// An execution as an item of a list, without its input and steps.
package struct ExecutionSummary: Sendable {
    package let id: String
    package let flowID: String
    package let flowName: String
    package let status: String
    package let stoppedAt: String?
    package let workflowID: String?
    package let version: Int?
    package let createdAt: String
    package let finishedAt: String?
    /// The value of the column that the caller orders by.
    package let position: Int64

    /// The columns that callers may compare and order by.
    package enum Column {
        package static let id: SQL = "e.id"
        package static let createdAt: SQL = "e.created_at"
        package static let workflowID: SQL = "e.workflow_id"
        package static let parentID: SQL = "e.parent_id"
        /// While the execution is active, the status of its row in the queue.
        package static let status: SQL = "coalesce(q.state, e.status)"
        /// The code of its own error; empty if it has none.
        package static let errorCode: SQL = "coalesce(e.error->>'code', '')"
    }

    /// The user's executions.
    ///
    /// - Parameters:
    ///   - workflowID: if given, only the executions of that workflow.
    ///   - position: an integer expression of `Column`.
    ///   - clauses: further conditions, each with `AND` before it, the order and the limit.
    package static func list(
        of userID: String, workflowID: String? = nil, position: SQL, _ clauses: SQL, on connection: Connection
    ) throws -> [ExecutionSummary] {
        let ofWorkflow: SQL = workflowID.map { "AND \(Column.workflowID) = \($0)" } ?? SQL()
        return try connection.query(
            """
            SELECT \(Column.id), coalesce(e.flow, v.flow)->>'id', coalesce(e.flow, v.flow)->>'name',
                \(Column.status), e.stopped_at, \(Column.workflowID), e.version, rfc3339(\(Column.createdAt)),
                rfc3339(e.finished_at), \(position)
            FROM executions e \(Execution.joins) \(Execution.place)
            WHERE e.user_id = \(userID) \(ofWorkflow)
            \(clauses)
            """
        ).map { row in
            let (id, flowID, flowName, status, stoppedAt, workflowID, version, createdAt, finishedAt, position) =
                try row.decode(
                    String.self, String.self, String.self, String.self, String?.self, String?.self, Int?.self,
                    String.self, String?.self, Int64.self)
            return ExecutionSummary(
                id: id, flowID: flowID, flowName: flowName, status: status, stoppedAt: stoppedAt,
                workflowID: workflowID, version: version, createdAt: createdAt, finishedAt: finishedAt,
                position: position)
        }
    }
}
