import JSON
import Postgres

extension Queue {
    /// The maximum number of runs that one statement ends.
    static let maximumEnds = 500

    /// Ends active runs of a user, the oldest first, at most `maximumEnds` of them. The statement skips runs that are
    /// being committed at this moment, so it waits for no worker. As all of the user's runs are to end, it neither
    /// wakes parent runs nor admits others. Returns the end of each.
    static func endSome(
        of userID: String, _ reason: TaskFailure, on connection: Connection
    ) throws -> [EngineEvent] {
        try connection.atomically { connection in
            let rows = try connection.query(
                """
                WITH ended AS (
                    DELETE FROM queue WHERE execution_id = ANY(ARRAY(
                        SELECT execution_id FROM queue WHERE user_id = \(userID)
                        ORDER BY execution_id LIMIT \(maximumEnds) FOR UPDATE SKIP LOCKED))
                    RETURNING execution_id, held),
                open AS (
                    UPDATE steps SET status = 'canceled'
                    WHERE execution_id = ANY(ARRAY(SELECT execution_id FROM ended)) AND status IN ('running', 'waiting')
                    RETURNING execution_id, task),
                finished AS (
                    UPDATE executions e
                    SET status = 'canceled', error = \(reason.json), finished_at = clock_timestamp(),
                        stopped_at = (SELECT o.task FROM open o WHERE o.execution_id = e.id LIMIT 1),
                        cost = coalesce((SELECT sum(s.cost) FROM steps s WHERE s.execution_id = e.id), 0)
                    WHERE e.id = ANY(ARRAY(SELECT execution_id FROM ended))
                    RETURNING e.id, (extract(epoch FROM e.finished_at - e.created_at) * 1000000)::bigint AS duration),
                notified AS (
                    DELETE FROM watchers WHERE execution_id = ANY(ARRAY(SELECT execution_id FROM ended))
                    RETURNING pg_notify('flow_end', execution_id::text))
                SELECT e.execution_id, e.held, f.duration FROM ended e JOIN finished f ON f.id = e.execution_id
                ORDER BY e.execution_id
                """
            ).map { try $0.decode(String.self, Int64.self, Int64.self) }
            // Credits are locked last, as in every transaction.
            let releases = rows.filter { $0.1 > 0 }.map { Ledger.release($0.1, of: userID, execution: $0.0) }
            if !releases.isEmpty { try connection.pipeline(releases) }
            return rows.map { .runFinished(status: .canceled, duration: .microseconds($0.2)) }
        }
    }
}
