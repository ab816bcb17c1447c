import JSON
package import Postgres

/// The runs that are under way: who works on them, or what they wait for. Leases and times are by the database's clock.
///
/// A connection keeps the plans of its statements, which may be from when the queue was empty and all ways through it
/// looked alike; it may be long a minute later. So rows are named by their key, or by a subquery's keys: a join could be
/// planned as a walk through all of the queue.
///
/// ```
///            claim            commit                   end, cancel
///   queued ---------> running -------> running ... ----------------> (no row)
///     ^                 | |  wait                        ^
///     | lease ran out   | +--------> waiting -- woken, --+-- claim
///     +-----------------+              due
/// ```
package enum Queue {
    /// Takes the run that has been due for longest, if there is one. `lease` must be a UUID that nobody used before.
    ///
    /// Its commit does not wait for the disk: after a crash of the server the run is due again, and only a lease that
    /// is not there any more was lost.
    ///
    /// - Parameter maxConcurrentRuns: as in `enqueue`.
    package static func claim(lease: String, maxConcurrentRuns: Int?, on connection: Connection) throws -> Claim? {
        let found = try connection.query(
            """
            WITH relaxed AS MATERIALIZED (SELECT set_config('synchronous_commit', 'off', true)),
            due AS (
                SELECT q.execution_id FROM queue q, relaxed
                WHERE q.lease IS NULL AND q.is_admitted AND q.available_at <= statement_timestamp()
                ORDER BY q.available_at, q.execution_id LIMIT 1
                FOR UPDATE OF q SKIP LOCKED),
            claimed AS (
                UPDATE queue q
                SET lease = \(lease), lease_until = clock_timestamp() + \(Lease.duration), state = 'running',
                    claims = claims + 1, is_woken = false
                WHERE q.execution_id = (SELECT execution_id FROM due)
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

    /// So many runs a user may have in the queue.
    private static let mostOfUser = 10_000

    /// Whether the user may queue so many more.
    package static func hasRoom(for userID: String, count: Int = 1, on connection: Connection) throws -> Bool {
        let rows = try connection.query(
            """
            SELECT count(*) FROM (SELECT FROM queue WHERE user_id = \(userID) LIMIT \(mostOfUser)) AS own
            """)
        return try rows.only.decode(Int.self) + count <= mostOfUser
    }

    /// Statements that put a new run into the queue, in the transaction of whoever wants it: its worst case is held.
    ///
    /// - Parameters:
    ///   - maxConcurrentRuns: how many limited runs the user may have under way; nil: any number.
    package static func enqueue(_ execution: Execution, budget: Budget, maxConcurrentRuns: Int?) -> [SQL] {
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
                    \(optional: fork?.executionID), \(optional: fork?.step), \(optional: fork?.input)))\(notifyIdleWorker)
            \(place(execution, budget, concurrencyLimit))
            """
        return copySteps(execution) + concurrencyLimit.around(insertion) + payment
    }

    /// Of a fork, the steps of the former run up to the one from which on it is run anew.
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

    /// Puts a run into the queue that was over, to go on from the step at which it failed or was canceled.
    static func requeue(_ execution: Execution, budget: Budget, maxConcurrentRuns: Int?) -> [SQL] {
        var budget = budget
        let payment = budget.hold(for: execution)
        let concurrencyLimit = ConcurrencyLimit(of: execution, maxConcurrentRuns: maxConcurrentRuns)
        return concurrencyLimit.around(
            """
            WITH opened AS (
                UPDATE executions SET status = 'running', stopped_at = NULL, error = NULL, finished_at = NULL
                WHERE id = \(execution.id))\(notifyIdleWorker)
            \(place(execution, budget, concurrencyLimit))
            """) + payment
    }

    private static func place(_ execution: Execution, _ budget: Budget, _ concurrencyLimit: ConcurrencyLimit) -> SQL {
        """
        INSERT INTO queue (execution_id, user_id, workflow_id, state, available_at, held, prices, is_limited,
            is_admitted)
        VALUES (\(execution.id), \(execution.userID), \(optional: execution.source.workflowID), 'queued',
            clock_timestamp(), \(budget.held), \(optional: budget.storedPrices), \(concurrencyLimit.areLimited),
            \(!concurrencyLimit.areLimited))
        """
    }

    /// One idle worker, if there is any, is told that there is work: the one that started last, as those before it may
    /// have been killed without a word.
    static let notifyIdleWorker: SQL = """
        , roused AS (
            DELETE FROM idle_workers WHERE worker = (
                SELECT worker FROM idle_workers ORDER BY worker DESC LIMIT 1 FOR UPDATE SKIP LOCKED)
            RETURNING pg_notify('flow_work', worker::text))
        """

    /// What the end of a run sets off: who waits for it is told, and the run that started it is woken. Refers to the
    /// row that was taken from the queue as `advanced`.
    static func notifyWatchers(of execution: Execution) -> SQL {
        let told: SQL = """
            , told AS (
                DELETE FROM watchers w USING advanced a WHERE w.execution_id = a.execution_id
                RETURNING pg_notify('flow_end', w.execution_id::text))
            """
        guard let parent = execution.parent else { return told }
        return """
            \(told), woken AS (
                UPDATE queue q
                SET is_woken = q.lease IS NOT NULL,
                    available_at = CASE WHEN q.lease IS NULL THEN clock_timestamp() ELSE q.available_at END
                FROM advanced a WHERE q.execution_id = \(parent.executionID))\(notifyIdleWorker)
            """
    }
}

/// The limits to how many runs of one workflow, and of one user, are under way at once.
struct ConcurrencyLimit {
    let userID: String
    let areLimited: Bool
    let maxConcurrentRuns: Int?

    /// A run that another one started has its place with it: else the two could wait for each other.
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

    /// The statement that takes or leaves a place, and those which see to it that none is given twice or lost.
    func around(_ statement: SQL) -> [SQL] {
        guard areLimited else { return [statement] }
        return [
            ConcurrencyLimit.lock(of: userID), statement,
            "SELECT admit_runs(\(userID), \(optional: maxConcurrentRuns))",
        ]
    }

    /// Taken, before any row of the queue, by whoever changes those of several of the user's runs: so that no two wait
    /// for each other.
    static func lock(of userID: String) -> SQL { "SELECT lock_places(\(userID))" }
}
