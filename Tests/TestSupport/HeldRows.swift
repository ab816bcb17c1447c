import Glibc
package import Postgres

/// Rows that a transaction of the test's own has changed and not committed, so that whoever writes them waits.
package final class HeldRows {
    private let holder: Connection
    private let observer: Connection
    private let process: Int

    /// Holds what `statement` changes.
    package init(_ statement: SQL, in database: TestDatabase) throws {
        holder = database.connect()
        observer = database.connect()
        try holder.begin()
        process = try holder.query("SELECT pg_backend_pid()").only.decode(Int.self)
        try holder.execute(statement)
    }

    /// Returns as soon as somebody waits for them, or so many.
    package func waitUntilWanted(by count: Int = 1) throws {
        for _ in 0..<2_000 {
            let waiting = "SELECT 1 FROM pg_locks WHERE NOT granted AND \(process) = ANY(pg_blocking_pids(pid))" as SQL
            if try observer.query(waiting).count >= count { return }
            // The server announces no waits for locks.
            poll(nil, 0, 2)
        }
        throw TestFailure("nobody wants the rows")
    }

    /// Gives them back as they have become.
    package func commit() throws { try holder.commit() }

    /// Gives them back as they were.
    package func release() { holder.rollback() }
}
