package import Postgres
import System

/// The id and the name of the flow in the row of each run, which the lists of runs show. Earlier releases have stored
/// runs without them: for such a row, a list has to parse the flow.
package enum FlowNames {
    /// How many runs one statement changes: a flow may have nearly a megabyte.
    static let batch = 20

    /// Stores them in runs that lack them, for about that long. Returns whether there may be more.
    package static func storeSome(
        on connection: Connection, for limit: Duration = TimeShare.ofDuty
    ) throws -> Bool {
        let share = TimeShare(limit)
        while try storeBatch(on: connection) == batch {
            if share.isOver { return true }
        }
        return false
    }

    private static func storeBatch(on connection: Connection) throws -> Int {
        try connection.execute(
            """
            UPDATE executions e SET flow_id = \(ExecutionSummary.flowID), flow_name = \(ExecutionSummary.flowName)
            WHERE e.id = ANY (ARRAY(
                SELECT id FROM executions WHERE flow_id IS NULL
                ORDER BY created_at LIMIT \(batch) FOR NO KEY UPDATE SKIP LOCKED))
            """)
    }
}
