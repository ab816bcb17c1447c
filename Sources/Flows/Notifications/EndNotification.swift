import Postgres

/// The notification of the end of a run: a row that the commit which ends the run writes, if the run is one of a
/// workflow that says so and no other run started it. Workers send it later.
package enum EndNotification {
    /// How many notifications of a user may be pending; further ends are recorded as dropped.
    package static let maximumPending = 1_000
    /// With so many that have ended, none is recorded as dropped.
    private static let maximumEnded = 2_000
    /// How long a notification is attempted, in seconds.
    package static let lifetime = 86_400

    /// The statements that record the notifications of runs that an intervention has ended, in the same transaction.
    static func recording(of runs: [ClosedRun]) -> [SQL] {
        let ids = runs.filter { $0.change.workflowID != nil && $0.change.parentID == nil }.map(\.id)
        guard !ids.isEmpty else { return [] }
        return [
            "WITH ended AS (SELECT \(columns) FROM executions e WHERE e.id = ANY(\(ids)::uuid[]))\(recording) SELECT"
        ]
    }

    /// What a statement that ends runs must return, of `executions e`.
    static let columns: SQL = "e.id, e.user_id, e.workflow_id, e.parent_id, e.status, e.created_at, e.finished_at"

    /// The common table expression that records the notifications of the runs in `ended`, which has these columns.
    ///
    /// For a run of a workflow without notifications it reads one row, by its key.
    static let recording: SQL = """
        , notified_end AS (
            INSERT INTO end_notifications (id, user_id, workflow_id, execution_id, status, run_created_at,
                run_finished_at, state, due_at, ended_at, give_up_at)
            SELECT uuid_v7(), r.user_id, r.workflow_id, r.id, r.status::text, r.created_at, r.finished_at,
                CASE WHEN target.is_full THEN 'dropped' ELSE 'pending' END,
                CASE WHEN NOT target.is_full THEN clock_timestamp() END,
                CASE WHEN target.is_full THEN clock_timestamp() END,
                clock_timestamp() + \(lifetime) * interval '1 second'
            FROM ended r, LATERAL (
                SELECT (
                    SELECT count(*) FROM (
                        SELECT FROM end_notifications n WHERE n.user_id = r.user_id AND n.state = 'pending'
                        LIMIT \(maximumPending)) pending) >= \(maximumPending) AS is_full
                FROM workflows w
                WHERE w.id = r.workflow_id AND w.end_url IS NOT NULL AND w.deleted_at IS NULL
                    AND (w.end_statuses IS NULL OR r.status::text = ANY(w.end_statuses))
                LIMIT 1) target
            WHERE r.parent_id IS NULL AND r.workflow_id IS NOT NULL AND (NOT target.is_full OR (
                SELECT count(*) FROM (
                    SELECT FROM end_notifications n WHERE n.user_id = r.user_id AND n.ended_at IS NOT NULL
                    LIMIT \(maximumEnded)) ended) < \(maximumEnded)))
        """
}
