import JSON
import Postgres

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
    /// Claims the oldest run that is queued of the next user, if any run is queued: users have turns in the order of
    /// their ids, so that a user's runs do not wait for all runs of another user. `lease` must be a UUID that was never
    /// used before.
    ///
    /// The cost does not depend on the number of users or runs: each of the two searches reads one entry of an index.
    ///
    /// The commit is asynchronous: if the database server crashes, the claim may be lost. The run is then due again,
    /// and the next commit under the lost lease fails.
    ///
    /// - Parameters:
    ///   - lastUser: the user who had the last turn.
    ///   - maxConcurrentRuns: as in `enqueue`.
    static func claim(
        lease: String, after lastUser: String, maxConcurrentRuns: Int?, on connection: Connection
    ) throws -> Claim? {
        let found = try connection.query(
            """
            WITH relaxed AS MATERIALIZED (SELECT set_config('synchronous_commit', 'off', true)),
            ahead AS (
                SELECT q.execution_id FROM queue q, relaxed WHERE \(isReady) AND q.user_id > \(lastUser)::uuid
                ORDER BY q.user_id, q.execution_id LIMIT 1
                FOR UPDATE OF q SKIP LOCKED),
            behind AS (
                SELECT q.execution_id FROM queue q WHERE \(isReady) AND NOT EXISTS (SELECT FROM ahead)
                ORDER BY q.user_id, q.execution_id LIMIT 1
                FOR UPDATE OF q SKIP LOCKED),
            claimed AS (
                UPDATE queue q
                SET lease = \(lease), lease_until = clock_timestamp() + \(Lease.duration), state = 'running',
                    claims = claims + 1, is_woken = false
                WHERE q.execution_id = coalesce(
                    (SELECT execution_id FROM ahead), (SELECT execution_id FROM behind))
                RETURNING q.*)
            SELECT \(Execution.columns), c.claims, c.held, c.prices, c.signal, c.is_limited,
                (extract(epoch FROM clock_timestamp() - e.created_at) * 1000000)::bigint,
                \(Execution.steps)
            FROM claimed c JOIN executions e ON e.id = c.execution_id \(Execution.joins)
            """)
        guard let row = found.first else { return nil }
        var columns = row.columns
        var execution = try Execution(&columns)
        let claims = try columns.next(Int.self)
        let budget = Budget(held: try columns.next(), prices: try columns.next(JSON?.self))
        let signal = try columns.next(JSON?.self)
        let concurrencyLimit = ConcurrencyLimit(
            userID: execution.userID, areLimited: try columns.next(), maxConcurrentRuns: maxConcurrentRuns)
        let age = Duration.microseconds(try columns.next(Int64.self))
        execution.steps = try Step.all(&columns)
        return Claim(
            lease: lease, execution: execution, age: age, budget: budget, signal: signal,
            concurrencyLimit: concurrencyLimit,
            claims: claims)
    }

    private static let isReady: SQL = "q.lease IS NULL AND q.is_admitted AND q.state = 'queued'"

    /// Queues the runs that wait for a time which has come, at most a hundred of them; returns how many.
    static func wakeDue(on connection: Connection) throws -> Int {
        try connection.execute(
            """
            UPDATE queue SET state = 'queued'
            WHERE execution_id = ANY(ARRAY(
                SELECT execution_id FROM queue
                WHERE lease IS NULL AND is_admitted AND state = 'waiting' AND available_at <= statement_timestamp()
                ORDER BY available_at LIMIT 100
                FOR UPDATE SKIP LOCKED))
            """)
    }

    /// The maximum number of runs that a user may have in the queue.
    private static let maximumRunsPerUser = 10_000

    /// Whether the user may queue `count` more runs.
    static func hasCapacity(for userID: String, count: Int = 1, on connection: Connection) throws -> Bool {
        let rows = try connection.query(
            """
            SELECT count(*) FROM (SELECT FROM queue WHERE user_id = \(userID) LIMIT \(maximumRunsPerUser)) AS queued
            """)
        return try rows.only.decode(Int.self) + count <= maximumRunsPerUser
    }

    /// Returns the statements that put a new run into the queue and hold the credits for its worst case. The caller
    /// executes them in its transaction.
    ///
    /// - Parameters:
    ///   - maxConcurrentRuns: how many of the user's limited runs may be admitted at once; nil: no limit.
    static func enqueue(_ execution: Execution, budget: Budget, maxConcurrentRuns: Int?) -> [SQL] {
        var budget = budget
        let payment = budget.hold(for: execution)
        let concurrencyLimit = ConcurrencyLimit(of: execution, maxConcurrentRuns: maxConcurrentRuns)
        let (workflowID, version) = (execution.source.workflowID, execution.source.version)
        let (parent, fork) = (execution.parent, execution.fork)
        // A stored workflow's version holds the flow.
        let ownFlow = workflowID == nil ? Optional(execution.flow) : Optional.none
        let insertion: SQL = """
            WITH opened AS (
                INSERT INTO executions (id, user_id, flow, input, status, created_at, workflow_id, version,
                    parent_id, parent_step, item, forked_from, fork_step, fork_input)
                VALUES (\(execution.id), \(execution.userID), \(optional: ownFlow),
                    \(execution.input), 'running', clock_timestamp(), \(optional: workflowID), \(optional: version),
                    \(optional: parent?.executionID), \(optional: parent?.step), \(optional: parent?.item),
                    \(optional: fork?.executionID), \(optional: fork?.step),
                    \(optional: fork?.input)))\(notifyIdleWorker)
            \(queueRow(execution, budget, concurrencyLimit))
            """
        return copySteps(execution) + concurrencyLimit.around(insertion) + payment
    }

    /// For a fork: copies the steps of the original run that come before the first step to repeat.
    private static func copySteps(_ execution: Execution) -> [SQL] {
        guard let fork = execution.fork else { return [] }
        return [
            """
            INSERT INTO steps (execution_id, seq, task, type, status, attempt, output, error, condition, next,
                started_us, duration_us, superseded)
            SELECT \(execution.id), seq, task, type, status, attempt, output, error, condition, next, started_us,
                duration_us, superseded
            FROM steps WHERE execution_id = \(fork.executionID) AND seq < \(fork.step)
            """
        ]
    }

    /// Returns the statements that put a run that has ended back into the queue, to continue from the step at which it
    /// failed or was canceled.
    static func requeue(_ execution: Execution, budget: Budget, maxConcurrentRuns: Int?) -> [SQL] {
        var budget = budget
        let payment = budget.hold(for: execution)
        let concurrencyLimit = ConcurrencyLimit(of: execution, maxConcurrentRuns: maxConcurrentRuns)
        return concurrencyLimit.around(
            """
            WITH opened AS (
                UPDATE executions SET status = 'running', stopped_at = NULL, error = NULL, finished_at = NULL
                WHERE id = \(execution.id))\(notifyIdleWorker)
            \(queueRow(execution, budget, concurrencyLimit))
            """) + payment
    }

    /// Inserts the row of a queued run.
    private static func queueRow(
        _ execution: Execution, _ budget: Budget, _ concurrencyLimit: ConcurrencyLimit
    ) -> SQL {
        """
        INSERT INTO queue (execution_id, user_id, workflow_id, state, available_at, held, prices, is_limited,
            is_admitted)
        VALUES (\(execution.id), \(execution.userID), \(optional: execution.source.workflowID), 'queued',
            clock_timestamp(), \(budget.held), \(optional: budget.storedPrices), \(concurrencyLimit.areLimited),
            \(!concurrencyLimit.areLimited))
        """
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

/// The limits on how many runs of one workflow, and of one user, are active at once. A run that these limits apply to
/// is limited: it can be claimed only after it was admitted to a concurrency slot.
struct ConcurrencyLimit {
    let userID: String
    let areLimited: Bool
    let maxConcurrentRuns: Int?

    /// A run that another run started is not limited; it shares its parent's slot. Otherwise the child could wait for
    /// the slot of its parent, which waits for the child.
    init(of execution: Execution, maxConcurrentRuns: Int?) {
        userID = execution.userID
        self.maxConcurrentRuns = maxConcurrentRuns
        areLimited = execution.parent == nil && (maxConcurrentRuns != nil || execution.source.concurrency != nil)
    }

    init(userID: String, areLimited: Bool, maxConcurrentRuns: Int?) {
        self.userID = userID
        self.areLimited = areLimited
        self.maxConcurrentRuns = maxConcurrentRuns
    }

    /// Surrounds a statement that takes or frees a concurrency slot with the lock before it and the admission of
    /// waiting runs after it, so that no slot is assigned twice or lost.
    func around(_ statement: SQL) -> [SQL] {
        guard areLimited else { return [statement] }
        return [
            ConcurrencyLimit.lock(of: userID), statement,
            "SELECT admit_runs(\(userID), \(optional: maxConcurrentRuns))",
        ]
    }

    /// The lock that a transaction takes, before any row of the queue, if it changes the rows of several of the user's
    /// runs. It prevents deadlocks between such transactions.
    static func lock(of userID: String) -> SQL { "SELECT lock_places(\(userID))" }
}
