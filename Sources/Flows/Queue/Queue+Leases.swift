import Postgres

extension Queue {
    /// Renews leases, and returns those that are still held. A lease that is not returned is lost: its run was canceled
    /// or has another owner. Rows that another transaction has locked are skipped: that transaction is the run's own
    /// commit, which renews the lease itself, or it ends the run.
    static func renew(
        _ leases: [(executionID: String, lease: String)], on connection: Connection
    ) throws -> Set<String> {
        guard !leases.isEmpty else { return [] }
        let ownRow: SQL = """
            WHERE execution_id = ANY(\(leases.map(\.executionID))::uuid[])
                AND lease = ANY(\(leases.map(\.lease))::uuid[])
            """
        let rows = try connection.query(
            """
            WITH held AS (SELECT lease FROM queue \(ownRow)),
            free AS (SELECT execution_id FROM queue \(ownRow) FOR UPDATE SKIP LOCKED),
            renewed AS (
                UPDATE queue SET lease_until = clock_timestamp() + \(Lease.duration)
                WHERE execution_id = ANY(ARRAY(SELECT execution_id FROM free)))
            SELECT lease FROM held
            """)
        return Set(try rows.map { try $0.decode(String.self) })
    }

    /// Frees runs if their leases have expired because their process died or was stopped; returns how many. Each of
    /// them is suspected to be the cause, and executed alone in a process next time. Only the claim of a run that was
    /// alone counts towards giving it up.
    ///
    /// - Parameter isTrouble: whether the leases may have expired because of trouble with the database.
    static func rescue(isTrouble: Bool, on connection: Connection) throws -> Int {
        try connection.execute(
            """
            UPDATE queue
            SET lease = NULL, lease_until = NULL, state = 'queued',
                claims = greatest(0, claims - CASE WHEN is_alone AND NOT \(isTrouble) THEN 0 ELSE 1 END),
                is_suspect = is_suspect OR NOT \(isTrouble), is_alone = false
            WHERE execution_id = ANY(ARRAY(
                SELECT execution_id FROM queue WHERE lease IS NOT NULL AND lease_until < statement_timestamp()
                FOR UPDATE SKIP LOCKED))
            """)
    }

    /// Releases the lease of a claimed run, so that it is due for the next worker at once or after a delay. Returns
    /// false if the lease was lost.
    ///
    /// - Parameter isCounted: whether this claim counts towards giving the run up.
    @discardableResult
    static func release(
        _ id: String, _ lease: String, after delay: Duration = .zero, isCounted: Bool, on connection: Connection
    ) throws -> Bool {
        try connection.execute(
            """
            UPDATE queue
            SET lease = NULL, lease_until = NULL, is_alone = false, state = \(Due.after(delay).state),
                claims = greatest(0, claims - \(isCounted ? 0 : 1)),
                available_at = \(Due.after(delay).moment)
            WHERE execution_id = \(id) AND lease = \(lease)
            """) == 1
    }

    /// Records that the run is executed alone in its process. Returns false if the lease was lost.
    static func isolate(_ claim: Claim, on connection: Connection) throws -> Bool {
        try connection.execute(
            """
            UPDATE queue SET is_alone = true WHERE execution_id = \(claim.execution.id) AND lease = \(claim.lease)
            """) == 1
    }

    /// The time until the next run becomes due, if that is within a second; negative for a run that became due after
    /// the last poll. Runs that have been due for longer than 10 milliseconds are ignored: other workers are claiming
    /// them.
    static func nextDue(on connection: Connection) throws -> Duration? {
        let rows = try connection.query(
            """
            SELECT (extract(epoch FROM available_at - clock_timestamp()) * 1000000)::bigint FROM queue
            WHERE lease IS NULL AND state = 'waiting'
                AND available_at > statement_timestamp() - interval '10 milliseconds'
                AND available_at < statement_timestamp() + interval '1 second'
            ORDER BY available_at LIMIT 1
            """)
        return try rows.first.map { .microseconds(try $0.decode(Int64.self)) }
    }

    /// Registers an idle worker for one notification on the channel `flow_work`, when a run becomes due.
    static func registerIdle(_ worker: String, on connection: Connection) throws {
        try connection.execute(
            "INSERT INTO idle_workers (worker) VALUES (\(worker)) ON CONFLICT (worker) DO NOTHING")
    }

    /// Removes the registration of a worker that is no longer idle or exits.
    static func unregisterIdle(_ worker: String, on connection: Connection) throws {
        try connection.execute("DELETE FROM idle_workers WHERE worker = \(worker)")
    }
}
