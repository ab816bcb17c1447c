package import Postgres

/// Executions as items of a list, without their inputs and steps: what the caller's statement selects, compares and
/// orders by.
package enum ExecutionSummary {
    package static let id: SQL = "e.id"
    package static let flowID: SQL = "coalesce(e.flow, v.flow)->>'id'"
    package static let flowName: SQL = "coalesce(e.flow, v.flow)->>'name'"
    /// While the execution is active, the status of its row in the queue.
    package static let status: SQL = "coalesce(q.state, e.status)"
    package static let stoppedAt: SQL = "e.stopped_at"
    package static let workflowID: SQL = "e.workflow_id"
    package static let version: SQL = "e.version"
    package static let parentID: SQL = "e.parent_id"
    package static let userID: SQL = "e.user_id"
    package static let startedBy: SQL = "coalesce(e.started_by, e.user_id)"
    package static let startedByKey: SQL = "e.started_by_key"
    package static let createdAt: SQL = "e.created_at"
    /// NULL while the execution is active.
    package static let finishedAt: SQL = "e.finished_at"
    /// The code of its own error; empty if it has none.
    package static let errorCode: SQL = "coalesce(e.error->>'code', '')"

    /// All of these executions, or those of one workflow: what follows `FROM`.
    package static func all(in visibility: Visibility, workflowID: String? = nil) -> SQL {
        let ofWorkflow: SQL = workflowID.map { "AND \(self.workflowID) = \($0)" } ?? SQL()
        return """
            executions e \(Execution.joins) \(Execution.queueJoin)
            WHERE \(visibility.condition) \(ofWorkflow)
            """
    }
}
