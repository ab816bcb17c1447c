import Postgres
import System

/// Wakes what waits: runs, workers, and calls that watch a run.
extension Queue {
    /// Queues runs that wait for a time which has come, at most a hundred, and as many limited ones as there is time
    /// for; returns how many.
    static func wakeDue(during share: TimeShare, on connection: Connection) throws -> Int {
        let isDue: SQL = "lease IS NULL AND state = 'waiting' AND available_at <= statement_timestamp()"
        var woken = try connection.execute(
            """
            UPDATE queue SET state = 'queued'
            WHERE execution_id = ANY(ARRAY(
                SELECT execution_id FROM queue WHERE \(isDue) AND is_admitted
                ORDER BY available_at LIMIT 100
                FOR UPDATE SKIP LOCKED))
            """)
        // The time of a step that waited for runs is over.
        let without = try connection.query(
            """
            SELECT execution_id, user_id, workflow_id FROM queue WHERE \(isDue) AND NOT is_admitted
            ORDER BY available_at LIMIT 100
            """)
        // In any order: if the lock of one user is held, the same others must not wait for it in every round.
        for row in without.shuffled() {
            let (id, userID, workflowID) = try row.decode(String.self, String.self, String.self)
            let waking = Places.around(
                "UPDATE queue SET state = 'queued' WHERE execution_id = \(id) AND \(isDue)", of: workflowID, userID)
            if try Places.attempt(waking, on: connection) { woken += 1 }
            if share.isOver { break }
        }
        return woken
    }

    /// Notifies the idle worker that started last, if there is one, that a run is due. Older ones may have been killed
    /// without unregistering.
    static let notifyIdleWorker: SQL = """
        , woken_worker AS (
            DELETE FROM idle_workers WHERE worker = (
                SELECT worker FROM idle_workers ORDER BY worker DESC LIMIT 1 FOR UPDATE SKIP LOCKED)
            RETURNING pg_notify('flow_work', worker::text))
        """

    /// Queues a run that waits; one that is being executed is queued again when it would wait.
    static let wake: SQL = """
        is_woken = q.lease IS NOT NULL, state = CASE WHEN q.lease IS NULL THEN 'queued' ELSE q.state END
        """

    /// What the end of a run triggers: its watchers are notified, and its parent run is woken. Refers to the row that
    /// was deleted from the queue as `advanced`.
    static func notifyWatchers(of execution: Execution) -> SQL {
        let notified: SQL = """
            , notified AS (
                DELETE FROM watchers w USING advanced a WHERE w.execution_id = a.execution_id
                RETURNING pg_notify('flow_end', w.execution_id::text))
            """
        guard let parent = execution.parent else { return notified }
        return """
            \(notified), woken AS (
                UPDATE queue q SET \(wake)
                FROM advanced a WHERE q.execution_id = \(parent.executionID))\(notifyIdleWorker)
            """
    }
}
