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

    /// The maximum number of runs that a user may have in the queue.
    private static let maximumRunsPerUser = 10_000
    /// Up to so many fewer, runs are counted without a lock: other transactions that have not committed add less.
    private static let uncountedRuns = 1_000

    /// Throws `LaunchRefusal.queueFull` unless the user may queue more runs. Close to the maximum, and if a workflow has
    /// one of its own, the transaction holds the user's lock afterwards.
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

    /// Returns the statements that put new runs of the same flow into the queue and hold the credits for their worst
    /// cases. The caller executes them in its transaction.
    static func enqueue(_ executions: [Execution], budget: Budget, counting quota: StorageQuota) -> [SQL] {
        enqueue([(executions, budget)], counting: quota)
    }

    /// The same for runs of several flows. Credits are locked last.
    static func enqueue(_ groups: [(executions: [Execution], budget: Budget)], counting quota: StorageQuota) -> [SQL] {
        var payments: [SQL] = []
        return groups.flatMap { insertions(of: $0.executions, $0.budget, counting: quota, &payments) } + payments
    }

    private static func insertions(
        of executions: [Execution], _ budget: Budget, counting quota: StorageQuota, _ payments: inout [SQL]
    ) -> [SQL] {
        let insertions = executions.flatMap { execution in
            var budget = budget
            payments += budget.hold(for: execution)
            return [insertion(of: execution, budget, counting: quota)] + copySteps(execution, counting: quota)
        }
        guard let source = executions.first?.source, source.isLimited, let workflowID = source.workflowID else {
            return Places.reading(limitOf: executions.first?.source, before: insertions)
        }
        return Places.around(insertions, of: workflowID, executions[0].userID)
    }

    private static func insertion(of execution: Execution, _ budget: Budget, counting quota: StorageQuota) -> SQL {
        let (workflowID, version) = (execution.source.workflowID, execution.source.version)
        let (parent, fork) = (execution.parent, execution.fork)
        // A stored workflow's version holds the flow.
        let ownFlow = workflowID == nil ? Optional(execution.flow) : Optional.none
        return """
            WITH opened AS (
                INSERT INTO executions AS e (id, user_id, flow, passes_errors, flow_id, flow_name, input, status,
                    created_at, workflow_id, version, parent_id, parent_step, parent_attempt, item, forked_from,
                    fork_step, fork_input, copied_inputs, differs, pins, started_by, started_by_key, traceparent,
                    trigger)
                VALUES (\(execution.id), \(execution.userID), \(optional: ownFlow),
                    \(optional: ownFlow.map { _ in execution.passesErrors }),
                    \(execution.flowID), \(execution.flowName), \(execution.input), 'running', clock_timestamp(),
                    \(optional: workflowID), \(optional: version),
                    \(optional: parent?.executionID), \(optional: parent?.step), \(optional: parent?.attempt),
                    \(optional: parent?.item),
                    \(optional: fork?.executionID), \(optional: fork?.step),
                    \(optional: fork?.input), \(optional: fork?.storedEarlierInputs),
                    \(optional: fork?.differences?.json), \(optional: budget.pins),
                    \(starter(of: execution)))
                RETURNING stored_bytes(e) AS bytes, started_by_key),
            counted AS (\(quota.counting("(SELECT bytes FROM opened)", of: execution.userID)))\(notifyIdleWorker),
            queued AS (\(queueRow(execution, budget)) RETURNING execution_id)
            SELECT \(loggingQueued(execution)) FROM queued, opened
            """
    }

    /// The call that logs that the run is queued. Refers to its row as `opened`.
    private static func loggingQueued(_ execution: Execution) -> SQL {
        let cost = execution.steps.reduce(0) { $0 + $1.cost }
        return RunChanges.writing(
            RunChanges.text(of: RunStatusChange(.queued, of: execution, cost: cost)), of: execution.id,
            ownedBy: execution.userID, startedBy: "opened.started_by_key")
    }

    /// The values of `started_by`, `started_by_key`, `traceparent` and `trigger`: the first three are those of the run
    /// that starts this one, if there is one.
    private static func starter(of execution: Execution) -> SQL {
        guard let parent = execution.parent?.executionID else {
            let starter = execution.starter
            return """
                \(optional: starter.userID), \(optional: starter.keyID), \(optional: starter.trace),
                \(optional: starter.trigger?.json)
                """
        }
        return """
            (SELECT p.started_by FROM executions p WHERE p.id = \(parent)),
            (SELECT p.started_by_key FROM executions p WHERE p.id = \(parent)),
            (SELECT p.traceparent FROM executions p WHERE p.id = \(parent)), NULL
            """
    }

    /// For a fork, which is inserted before: copies the steps of the original run that come before the first step to
    /// repeat. Their times are those of the original run.
    private static func copySteps(_ execution: Execution, counting quota: StorageQuota) -> [SQL] {
        guard let fork = execution.fork else { return [] }
        return [
            """
            WITH copied AS (
                INSERT INTO steps AS c (execution_id, seq, task, type, status, attempt, input, output, error, condition,
                    next, started_us, duration_us, superseded)
                SELECT e.id, s.seq, s.task, s.type, s.status, s.attempt, s.input, s.output, s.error, s.condition,
                    s.next,
                    s.started_us + (extract(epoch FROM former.created_at - e.created_at) * 1000000)::bigint,
                    s.duration_us, s.superseded
                FROM executions e, executions former, steps s
                WHERE e.id = \(execution.id) AND former.id = \(fork.executionID)
                    AND s.execution_id = \(fork.executionID) AND s.seq < \(fork.step)
                RETURNING stored_bytes(c) AS bytes)
            \(quota.counting("(SELECT sum(bytes)::bigint FROM copied)", of: execution.userID))
            """
        ]
    }

    /// Returns the statements that put a run that has ended back into the queue, to continue from the step at which it
    /// failed or was canceled.
    static func requeue(_ execution: Execution, budget: Budget) -> [SQL] {
        var budget = budget
        let payment = budget.hold(for: execution)
        let reopening: SQL = """
            WITH opened AS (
                UPDATE executions SET status = 'running', stopped_at = NULL, error = NULL, finished_at = NULL,
                    pins = \(optional: budget.pins)
                WHERE id = \(execution.id) RETURNING started_by_key)\(notifyIdleWorker),
            queued AS (\(queueRow(execution, budget)) RETURNING execution_id)
            SELECT \(loggingQueued(execution)) FROM queued, opened
            """
        guard execution.source.isLimited, let workflowID = execution.source.workflowID else {
            return Places.reading(limitOf: execution.source, before: [reopening]) + payment
        }
        return Places.around(reopening, of: workflowID, execution.userID) + payment
    }

    /// Inserts the row of a queued run, with the limit and the priority that its workflow has now: they may have changed
    /// since the call read it. A run has at least the priority of the run that waits for it.
    private static func queueRow(_ execution: Execution, _ budget: Budget) -> SQL {
        let inherited: SQL =
            execution.parent.map { parent in
                "(SELECT p.priority FROM queue p WHERE p.execution_id = \(parent.executionID))"
            } ?? "0"
        return """
            INSERT INTO queue (execution_id, user_id, workflow_id, state, available_at, held, prices, is_limited,
                is_admitted, parent_id, parent_step, priority)
            SELECT \(execution.id)::uuid, \(execution.userID)::uuid, \(optional: execution.source.workflowID)::uuid,
                'queued', clock_timestamp(), \(budget.held)::bigint, \(optional: budget.storedPrices)::json,
                now.is_limited, NOT now.is_limited, \(optional: execution.parent?.executionID)::uuid,
                \(optional: execution.parent?.step)::integer, greatest(now.priority, \(inherited))
            FROM (
                SELECT coalesce(bool_or(w.concurrency IS NOT NULL), false) AS is_limited,
                    coalesce(max(w.priority), 0) AS priority
                FROM workflows w WHERE w.id = \(optional: execution.source.workflowID)
            ) AS now
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
