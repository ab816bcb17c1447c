import Postgres

/// How many runs a user may queue.
extension Queue {
    /// The maximum number of runs that a user may have in the queue.
    private static let maximumRunsPerUser = 10_000
    /// Up to so many fewer, runs are counted without a lock: other transactions that have not committed add less.
    private static let uncountedRuns = 1_000

    /// Throws `LaunchRefusal.queueFull` unless the user may queue more runs. Close to the maximum, and if a workflow
    /// has one of its own, the transaction holds the user's lock afterwards.
    ///
    /// - Parameters:
    ///   - runs: how many of which workflow; nil: of a flow that came with the call.
    ///   - isLocked: whether the transaction holds the user's lock already.
    static func requireCapacity(
        for userID: String, _ runs: [(workflowID: String?, count: Int)], isLocked: Bool = false,
        on connection: Connection
    ) throws {
        let count = runs.reduce(0) { $0 + $1.count }
        let stored = runs.filter { $0.workflowID != nil }
        let workflows: SQL = """
            (SELECT n.id, sum(n.runs) AS runs
            FROM unnest(\(stored.compactMap(\.workflowID))::uuid[], \(stored.map { Int64($0.count) })::bigint[])
                AS n (id, runs)
            GROUP BY n.id) AS new JOIN workflows w ON w.id = new.id AND w.max_queued IS NOT NULL
            """
        let hasLimit: SQL = stored.isEmpty ? "false" : "EXISTS (SELECT FROM \(workflows))"
        func queued() throws -> (total: Int, isLimited: Bool) {
            try connection.query(
                """
                SELECT count(*), \(hasLimit)
                FROM (SELECT FROM queue WHERE user_id = \(userID) LIMIT \(maximumRunsPerUser)) AS queued
                """
            ).only.decode(Int.self, Bool.self)
        }
        var (total, isLimited) = try queued()
        if !isLocked, isLimited || total + count > maximumRunsPerUser - uncountedRuns {
            try connection.execute(Places.lock(of: userID))
            (total, isLimited) = try queued()
        }
        guard total + count <= maximumRunsPerUser else { throw LaunchRefusal.queueFull }
        guard isLimited else { return }
        let full = try connection.query(
            """
            SELECT FROM \(workflows)
            WHERE new.runs + (
                SELECT count(*) FROM (
                    SELECT FROM queue q
                    WHERE q.user_id = \(userID) AND q.workflow_id = w.id AND q.state = 'queued' AND q.lease IS NULL
                    LIMIT w.max_queued) AS waiting) > w.max_queued
            """)
        guard full.isEmpty else { throw LaunchRefusal.queueFull }
    }
}
