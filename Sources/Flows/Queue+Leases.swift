package import Postgres

extension Queue {
    /// Prolongs leases, each by its execution's id, and returns those that are still held. One that is not returned was
    /// lost: its run was canceled or has another owner.
    package static func prolong(_ leases: [String: String], on connection: Connection) throws -> Set<String> {
        guard !leases.isEmpty else { return [] }
        let pairs = leases.map { (execution: $0.key, lease: $0.value) }
        let rows = try connection.query(
            """
            UPDATE queue q SET lease_until = clock_timestamp() + \(Lease.duration)
            FROM unnest(\(pairs.map(\.execution))::uuid[], \(pairs.map(\.lease))::uuid[]) AS mine (execution_id, lease)
            WHERE q.execution_id = mine.execution_id AND q.lease = mine.lease
            RETURNING q.lease
            """)
        return Set(try rows.map { try $0.decode(String.self) })
    }

    /// Frees the runs whose leases ran out, because their process died or was stopped; returns how many.
    package static func rescue(on connection: Connection) throws -> Int {
        try connection.execute(
            """
            UPDATE queue SET lease = NULL, lease_until = NULL, state = 'queued', available_at = clock_timestamp()
            WHERE lease IS NOT NULL AND lease_until < statement_timestamp()
            """)
    }

    /// Leaves a run that was claimed to the next worker, at once or after a delay.
    ///
    /// - Parameter isUntried: whether nothing was done, so that this claim does not count.
    package static func giveBack(
        _ claim: Claim, after delay: Duration = .zero, isUntried: Bool, on connection: Connection
    ) throws {
        try connection.execute(
            """
            UPDATE queue
            SET lease = NULL, lease_until = NULL, state = 'queued', claims = claims - \(isUntried ? 1 : 0),
                available_at = \(Due.after(delay).moment)
            WHERE execution_id = \(claim.execution.id) AND lease = \(claim.lease)
            """)
    }

    /// Whoever queues a run next tells this worker, once, on the channel `flow_work`.
    package static func registerIdle(_ worker: String, on connection: Connection) throws {
        try connection.execute(
            "INSERT INTO idle_workers (worker) VALUES (\(worker)) ON CONFLICT (worker) DO NOTHING")
    }

    /// The worker is idle no more, or leaves.
    package static func unregisterIdle(_ worker: String, on connection: Connection) throws {
        try connection.execute("DELETE FROM idle_workers WHERE worker = \(worker)")
    }
}
