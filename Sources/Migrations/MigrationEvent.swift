package import Postgres

/// What a migrator reports while it works.
package enum MigrationEvent: Sendable {
    /// Another migrator is at work; this one goes on when that is done.
    case waiting
    case applying(Migration)
    /// A lock was not to be had in time. The migration was rolled back, so that those who hold it are served, and is
    /// tried again after a pause.
    case gaveWay(Migration, attempt: Int)
    case applied(Migration)
}

/// Why the schema could not be brought up to date. What was applied before stays applied.
package enum MigrationError: Error {
    /// The file is not the one that was applied under its number. Nothing was done.
    case changed(Migration)
    /// No lock after every attempt.
    case gaveUp(Migration, attempts: Int)
    /// The statements failed, or the connection did; the migration left no trace.
    case failed(Migration, PostgresError)
}

extension MigrationError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .changed(let migration): "migration \(migration.label) was changed after it had been applied"
        case .gaveUp(let migration, let attempts):
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

/// How a database and this program compare.
package enum MigrationState: Sendable, Equatable {
    case current
    /// The database lacks this many of the program's migrations.
    case behind(Int)
    /// The database has this many migrations that the program does not know: a newer program made them, and as
    /// migrations only add, this one can go on working.
    case ahead(Int)
}
