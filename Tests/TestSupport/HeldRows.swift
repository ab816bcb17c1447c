import Dispatch
import Glibc
package import Postgres

/// Rows that a transaction of the test has changed and not committed, so that other writers of them wait.
package final class HeldRows {
    private let holder: Connection
    private let observer: Connection
    private let process: Int

    /// Locks the rows that `statement` changes.
    package convenience init(_ statement: SQL, in database: TestDatabase) throws {
        try self.init(in: database) { try $0.execute(statement) }
    }

    /// Locks the rows that `change` changes over the connection of the open transaction.
    package init(in database: TestDatabase, _ change: (Connection) throws -> Void) throws {
        holder = database.connect()
        observer = database.connect()
        try holder.begin()
        process = try holder.query("SELECT pg_backend_pid()").only.decode(Int.self)
        try change(holder)
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

    /// Calls `body` on another thread, commits the changes as soon as it waits for them, and returns its result.
    ///
    /// - Parameter finally: changes of the transaction while `body` waits.
    package func commit<Value: Sendable>(
        whileWaiting body: @escaping @Sendable () throws -> Value, finally: (Connection) throws -> Void = { _ in }
    ) throws -> Value {
        let (results, group) = (Recording<Result<Value, any Error>>(), DispatchGroup())
        DispatchQueue.global().async(group: group) { results.add(Result(catching: body)) }
        defer { group.wait() }
        try waitUntilWanted()
        try finally(holder)
        try commit()
        group.wait()
        return try results.all[0].get()
    }

    /// Commits the changes.
    package func commit() throws { try holder.commit() }

    /// Rolls the changes back.
    package func release() { holder.rollback() }
}
