package import Postgres

/// What a migrator reports to its observer.
package enum MigrationEvent: Sendable {
    /// Another migrator holds the advisory lock; this one continues when the lock is released.
    case waiting
    case applying(Migration)
    /// A lock timed out, or there was a deadlock. The migration was rolled back, so that the transactions that hold the
    /// locks can continue, and is retried after a pause.
    case rolledBack(Migration, attempt: Int)
    case applied(Migration)
}

/// Why the schema could not be migrated. Migrations that were applied before the error stay applied.
package enum MigrationError: Error {
    /// The file differs from the one that was applied under its number. No migration was applied.
    case changed(Migration)
    /// The migration did not get its locks in any attempt.
    case locksUnavailable(Migration, attempts: Int)
    /// A statement or the connection failed. The migration was rolled back.
    case failed(Migration, PostgresError)
}

extension MigrationError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .changed(let migration): "migration \(migration.label) was changed after it had been applied"
        case .locksUnavailable(let migration, let attempts):
            "migration \(migration.label) did not get its locks in \(attempts) attempts"
        case .failed(let migration, let error): "migration \(migration.label) failed: \(error.debugDescription)"
        }
    }
}

extension Migration {
    /// The number and name of its file.
    package var label: String {
        let digits = String(version)
        return String(repeating: "0", count: max(0, 4 - digits.count)) + digits + "_" + name
    }
}

/// The migrations of a database compared with those of this program.
package enum MigrationState: Sendable, Equatable {
    case current
    /// The database lacks this many of the program's migrations.
    case behind(Int)
    /// The database has this many migrations that the program does not know, from a newer release. Migrations only add
    /// to the schema, so this program can still use it.
    case ahead(Int)
}
