import JSON
package import Postgres

/// The removal of runs from the record.
package enum RunRemoval {
    /// Removes runs that have ended with their steps, and gives their bytes back. Its affected rows are none if there
    /// was no such run of the user.
    package static func removing(_ ids: [String], of userID: String, counting quota: StorageQuota) -> SQL {
        removing(where: "e.id = ANY(\(ids)::uuid[])", of: userID, counting: quota)
    }

    /// The same for one run, unless it is active or the run that started it is: that one may not have read its result
    /// yet.
    static func removing(_ run: ExecutionOf<some JSONValue>, counting quota: StorageQuota) -> SQL {
        removing(
            where: """
                e.id = \(run.id) AND e.status <> 'running' AND NOT EXISTS (
                    SELECT FROM executions p WHERE p.id = \(optional: run.parent?.executionID) AND p.status = 'running')
                """, of: run.userID, counting: quota)
    }

    private static func removing(where condition: SQL, of userID: String, counting quota: StorageQuota) -> SQL {
        """
        WITH runs AS (
            DELETE FROM executions e WHERE \(condition) AND e.user_id = \(userID)
            RETURNING e.id, stored_bytes(e) AS bytes
        ), gone AS (
            DELETE FROM steps s WHERE s.execution_id IN (SELECT id FROM runs) RETURNING stored_bytes(s) AS bytes
        )
        \(quota.givingBack(
            "(SELECT sum(bytes) FROM runs) + coalesce((SELECT sum(bytes) FROM gone), 0)", of: userID))
        """
    }

    /// Returns the statements that remove the versions of a deleted workflow that no run names any more, and give their
    /// bytes back. They are to be executed after the one that removed the runs or deleted the workflow.
    package static func removingVersions(
        of workflowID: String, ownedBy userID: String, counting quota: StorageQuota
    ) -> [SQL] {
        removingVersions(
            where: """
                v.workflow_id = \(workflowID)
                    AND EXISTS (SELECT FROM workflows w WHERE w.id = v.workflow_id AND w.deleted_at IS NOT NULL)
                """, of: userID, counting: quota)
    }

    /// The same for one version of a workflow. The last statement affects a row if it was removed.
    package static func removing(
        version: Int64, of workflowID: String, ownedBy userID: String, counting quota: StorageQuota
    ) -> [SQL] {
        removingVersions(
            where: "v.workflow_id = \(workflowID) AND v.version = \(version)", of: userID, counting: quota)
    }

    /// The second statement waits for transactions that queue runs of these versions, and the third sees their runs.
    /// Such a transaction locks the user's row first, if an admin starts the run; the third changes it.
    private static func removingVersions(
        where condition: SQL, of userID: String, counting quota: StorageQuota
    ) -> [SQL] {
        [
            "SELECT FROM users WHERE id = \(userID) FOR NO KEY UPDATE",
            "SELECT FROM workflow_versions v WHERE \(condition) ORDER BY v.version FOR UPDATE",
            """
            WITH gone AS (
                DELETE FROM workflow_versions v
                WHERE \(condition) AND NOT EXISTS (
                    SELECT FROM executions e WHERE e.workflow_id = v.workflow_id AND e.version = v.version)
                RETURNING stored_bytes(v) AS bytes)
            \(quota.givingBack("SELECT sum(bytes)::bigint FROM gone", of: userID))
            """,
        ]
    }

    /// Prevents the removal of the version that a new run will name until the transaction ends. Its result has no row
    /// if the version was removed. Nil if the flow came with the call.
    static func keepingVersion(of source: FlowSource) -> SQL? {
        guard let workflowID = source.workflowID, let version = source.version else { return nil }
        return """
            SELECT FROM workflow_versions WHERE workflow_id = \(workflowID) AND version = \(version) FOR KEY SHARE
            """
    }
}
