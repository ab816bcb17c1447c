import JSON
import Postgres
import System

/// The active runs: under which lease each one is executed, or what it waits for. Leases and times are by the
/// database's clock.
///
/// A connection caches the plans of its statements. A plan may date from a time when the queue was empty and all plans
/// had the same cost; a minute later the queue may be long. So statements select rows by their key, or by the keys of a
/// subquery: for a join, the cached plan could scan the whole queue.
///
/// ```
///            claim            commit                   end, cancel
///   queued ---------> running -------> running ... ----------------> (no row)
///     ^                 | |  wait                        ^
///     | lease expires   | +--------> waiting -- woken, --+-- claim
///     +-----------------+              due
/// ```
enum Queue {
    /// Claims the oldest run with the highest priority that is queued of the next user, if any run is queued: users have
    /// turns in the order of their ids, so that a user's runs do not wait for all runs of another user, whatever their
    /// priorities. Users who have `maxConcurrentRuns` leased runs are passed over. `lease` must be a UUID that was never
    /// used before.
    ///
    /// The cost does not depend on the number of users or queued runs: between two users that are passed over, each
    /// search reads one entry of an index. Claims that happen at the same time do not see each other, so a user may
    /// exceed the limit by their number.
    ///
    /// The commit is asynchronous: if the database server crashes, the claim may be lost. The run is then due again,
    /// and the next commit under the lost lease fails.
    ///
    /// - Parameters:
    ///   - lastUser: the user who had the last turn.
    ///   - maxConcurrentRuns: nil: no limit.
    ///   - lifetime: a run that has lasted as long is not claimed any more.
    static func claim(
        lease: String, after lastUser: String, maxConcurrentRuns: Int?, within lifetime: RunLifetime,
        on connection: Connection
    ) throws -> Claim? {
        let isReady: SQL = "\(Self.isReady) AND \(lifetime.isLeft(for: "q.execution_id"))"
        let found = try connection.query(
            """
            WITH relaxed AS MATERIALIZED (SELECT set_config('synchronous_commit', 'off', true)),
            full_users AS MATERIALIZED (
                SELECT user_id FROM queue WHERE lease IS NOT NULL
                GROUP BY user_id HAVING count(*) >= \(optional: maxConcurrentRuns)::bigint),
            ranges AS MATERIALIZED (
                SELECT bound, lead(bound, 1, 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid) OVER (ORDER BY bound)
                        AS next_bound,
                    bound < \(lastUser)::uuid AS is_behind
                FROM (
                    SELECT user_id AS bound FROM full_users
                    UNION SELECT \(lastUser)::uuid UNION SELECT '00000000-0000-0000-0000-000000000000'::uuid) bounds
                ORDER BY is_behind, bound),
            another AS (
                SELECT next.execution_id FROM ranges, relaxed, LATERAL (
                    SELECT q.execution_id FROM queue q
                    WHERE \(isReady) AND q.user_id > ranges.bound AND q.user_id < ranges.next_bound
                    ORDER BY q.user_id, q.priority DESC, q.execution_id LIMIT 1
                    FOR UPDATE OF q SKIP LOCKED) next
                LIMIT 1),
            again AS (
                SELECT q.execution_id FROM queue q
                WHERE \(isReady) AND q.user_id = \(lastUser)::uuid AND NOT EXISTS (SELECT FROM another)
                    AND NOT EXISTS (SELECT FROM full_users f WHERE f.user_id = \(lastUser)::uuid)
                ORDER BY q.user_id, q.priority DESC, q.execution_id LIMIT 1
                FOR UPDATE OF q SKIP LOCKED),
            claimed AS (
                UPDATE queue q
                SET lease = \(lease), lease_until = clock_timestamp() + \(Lease.duration), state = 'running',
                    claims = claims + 1, is_woken = false
                WHERE q.execution_id = coalesce(
                    (SELECT execution_id FROM another), (SELECT execution_id FROM again))
                RETURNING q.*)
            \(claimedRow(lifetime.isLeft))
            """)
        return try found.first.map { try claim($0, lease: lease) }
    }

    /// The run that this process has claimed under that lease, as it is now; nil if the lease is lost.
    static func claimed(_ id: String, lease: String, on connection: Connection) throws -> Claim? {
        try connection.query(
            """
            WITH claimed AS (SELECT * FROM queue WHERE execution_id = \(id) AND lease = \(lease))
            \(claimedRow { "\($0) = \(id)" })
            """
        ).first.map { try claim($0, lease: lease) }
    }

    /// Selects what `claim` reads, of the row of the queue that is called `claimed`.
    ///
    /// - Parameter condition: what is known of the id of the run, so that few partitions of the history are read.
    private static func claimedRow(_ condition: (SQL) -> SQL) -> SQL {
        let steps = ExecutionRow.steps(
            from: "coalesce((c.progress->>'number')::int, 0)", where: condition("s.execution_id"))
        return """
            SELECT \(ExecutionRow.columns), c.claims, c.held, c.prices, c.signal, c.is_limited, c.progress,
                c.is_suspect,
                (extract(epoch FROM clock_timestamp() - e.created_at) * 1000000)::bigint, e.processor_us,
                \(steps)
            FROM claimed c JOIN executions e ON e.id = c.execution_id AND \(condition("e.id")) \(ExecutionRow.joins)
            """
    }

    private static func claim(_ row: Row, lease: String) throws -> Claim {
        var columns = row.columns
        var execution = try Execution(&columns)
        let claims = try columns.next(Int.self)
        let budget = Budget(held: try columns.next(), prices: try columns.next(JSON?.self))
        let signal = try columns.next(JSON?.self)
        let isLimited = try columns.next(Bool.self)
        let progress = try columns.next(JSON?.self).flatMap { RunProgress($0) }
        let isSuspect = try columns.next(Bool.self)
        let age = Duration.microseconds(try columns.next(Int64.self))
        let earlierProcessorTime = Duration.microseconds(try columns.next(Int64.self))
        execution.steps = try Step.all(&columns)
        return Claim(
            lease: lease, execution: execution, age: age, budget: budget, signal: signal, isLimited: isLimited,
            progress: progress, processorTime: progress?.processorTime ?? earlierProcessorTime, isSuspect: isSuspect,
            claims: claims)
    }

    private static let isReady: SQL = "q.lease IS NULL AND q.is_admitted AND q.state = 'queued'"
}
