package import Postgres

/// Executions as items of a list, without their inputs and steps: what the caller's statement selects, compares and
/// orders by.
package enum ExecutionSummary {
    package static let id: SQL = "e.id"
    package static let flowID: SQL = "coalesce(e.flow_id, \(flow)->>'id', '')"
    package static let flowName: SQL = "coalesce(e.flow_name, \(flow)->>'name', '')"
    /// While the execution is active, the status of its row in the queue.
    package static let status: SQL = """
        CASE WHEN e.status = 'running' THEN coalesce(
            (SELECT q.state FROM queue q WHERE q.execution_id = e.id), e.status) ELSE e.status END
        """
    package static let stoppedAt: SQL = "e.stopped_at"
    package static let workflowID: SQL = "e.workflow_id"
    package static let version: SQL = "e.version"
    package static let parentID: SQL = "e.parent_id"
    package static let userID: SQL = "e.user_id"
    package static let startedBy: SQL = "coalesce(e.started_by, e.user_id)"
    package static let startedByKey: SQL = "e.started_by_key"
    package static let trigger: SQL = "e.trigger"
    package static let createdAt: SQL = "e.created_at"
    /// NULL while the execution is active.
    package static let finishedAt: SQL = "e.finished_at"
    // Read only for rows of earlier releases. Rows of other tables are selected one by one: for a join, the planner
    // could read the whole table.
    private static let flow: SQL = """
        coalesce(e.flow, (
            SELECT v.flow FROM workflow_versions v WHERE v.workflow_id = e.workflow_id AND v.version = e.version))
        """

    package static let isTopLevel: SQL = "(e.parent_id IS NULL)"
    package static let storedStatus: SQL = "e.status"
    /// The condition of the index `executions_given_up`.
    package static let deadLetters: SQL = "e.error->>'code' = 'dead_letter'"

    /// What follows `FROM`, up to a condition after `WHERE`.
    package static func all(where conditions: [SQL]) -> SQL {
        """
        executions e
        WHERE \(conditions.joined(separator: " AND "))
        """
    }

    /// The same, for few executions, which are selected first by the index that the condition names: the planner cannot
    /// prefer another index in the order of the list.
    package static func few(_ few: SQL, where conditions: [SQL]) -> SQL {
        """
        (SELECT * FROM executions e WHERE \(few) OFFSET 0) e
        WHERE \(conditions.joined(separator: " AND "))
        """
    }
}

extension ExecutionStatus {
    /// The statuses in the column `status` of runs that have these; an active run's own status is in the queue.
    package static func stored(of statuses: [ExecutionStatus]) -> [String] {
        allCases.filter { stored in
            stored == .running ? statuses.contains { !$0.isEnd } : stored.isEnd && statuses.contains(stored)
        }.map(\.rawValue)
    }
}
