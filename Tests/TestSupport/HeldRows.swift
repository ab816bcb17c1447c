import Glibc
package import Postgres

/// Rows that a transaction of the test has changed and not committed, so that other writers of them wait.
package final class HeldRows {
    private let holder: Connection
    private let observer: Connection
    private let process: Int

    /// Locks the rows that `statement` changes.
    package init(_ statement: SQL, in database: TestDatabase) throws {
        holder = database.connect()
        observer = database.connect()
        try holder.begin()
        process = try holder.query("SELECT pg_backend_pid()").only.decode(Int.self)
        try holder.execute(statement)
    }

    /// Returns as soon as this many sessions wait for the rows.
    package func waitUntilWanted(by count: Int = 1) throws {
        for _ in 0..<2_000 {
            let waiting = "SELECT 1 FROM pg_locks WHERE NOT granted AND \(process) = ANY(pg_blocking_pids(pid))" as SQL
            if try observer.query(waiting).count >= count { return }
            // The server does not announce that a session waits for a lock.
            poll(nil, 0, 2)
        }
        throw TestFailure("no session waits for the rows")
    }

    /// Commits the changes.
    package func commit() throws { try holder.commit() }

    /// Rolls the changes back.
    package func release() { holder.rollback() }
}
