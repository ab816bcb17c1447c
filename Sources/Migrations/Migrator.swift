package import Postgres

/// Migrates a database's schema, forward only, and reports how current it is.
///
/// Any number of migrators may run at once: a session's advisory lock lets one work while the others wait. Each
/// migration is one transaction that first inserts its row into `schema_migrations`. So after a crash it is either
/// applied or not, and a second migrator that bypassed the lock fails on the primary key. A migration waits for a lock
/// no longer than `lockTimeout`, because later transactions queue behind it; then it is rolled back and retried.
package struct Migrator: Sendable {
    private let migrations: [Migration]
    private let lockTimeout: Duration
    private let attempts: Int
    private let pause: Duration

    /// The key of the advisory lock: "flow" in ASCII, and an arbitrary number.
    static let lock: Int64 = 0x666C_6F77_0000_0001

    package init(
        _ migrations: [Migration] = Migrations.all, lockTimeout: Duration = .seconds(2), attempts: Int = 20,
        pause: Duration = .seconds(1)
    ) {
        self.migrations = migrations
        self.lockTimeout = lockTimeout
        self.attempts = attempts
        self.pause = pause
    }

    /// Applies the missing migrations. The connection should be one of `PostgresConfiguration.forMigrations` and be
    /// direct, not through a pooler in transaction mode.
    ///
    /// - Throws: `MigrationError`, or `PostgresError` if a statement outside of any migration fails.
    package func migrate(_ connection: Connection, observe: (MigrationEvent) -> Void = { _ in }) throws {
        try lock(connection, observe: observe)
        defer { unlock(connection) }
        for migration in try missing(connection) {
            observe(.applying(migration))
            try apply(migration, connection, observe: observe)
            observe(.applied(migration))
        }
    }

    /// Compares the database with this program. Needs only `SELECT` on `schema_migrations`.
    package func state(_ connection: Connection) throws(PostgresError) -> MigrationState {
        let applied = try appliedVersions(connection)
        let missing = migrations.count { !applied.contains($0.version) }
        if missing > 0 { return .behind(missing) }
        return applied.count > migrations.count ? .ahead(applied.count - migrations.count) : .current
    }

    private func appliedVersions(_ connection: Connection) throws(PostgresError) -> Set<Int> {
        var versions: Set<Int> = []
        do {
            for row in try connection.query("SELECT version FROM schema_migrations") {
                versions.insert(try row.decode(Int.self))
            }
        } catch {
            guard error.sqlState == .undefinedTable else { throw error }
        }
        return versions
    }

    private func lock(_ connection: Connection, observe: (MigrationEvent) -> Void) throws(PostgresError) {
        let rows = try connection.query("SELECT pg_try_advisory_lock(\(Self.lock))")
        if try rows.first?.decode(Bool.self) == true { return }
        observe(.waiting)
        try connection.execute("SELECT pg_advisory_lock(\(Self.lock))")
    }

    /// Releases the lock. If that fails, the connection is closed, which releases the lock too.
    private func unlock(_ connection: Connection) {
        do { try connection.execute("SELECT pg_advisory_unlock(\(Self.lock))") } catch { connection.close() }
    }

    /// Returns the migrations to apply, after it has verified the checksums of those that were applied before.
    private func missing(_ connection: Connection) throws -> [Migration] {
        let applied = try appliedVersions(connection)
        if applied.isEmpty {
            try connection.execute(
                """
                CREATE TABLE IF NOT EXISTS schema_migrations (
                    version    integer PRIMARY KEY,
                    name       text NOT NULL,
                    checksum   text NOT NULL,
                    applied_at timestamptz NOT NULL DEFAULT clock_timestamp()
                )
                """)
        }
        for migration in migrations where applied.contains(migration.version) {
            let rows = try connection.query(
                """
                SELECT checksum = \(checksum(of: migration)) FROM schema_migrations
                WHERE version = \(migration.version)
                """)
            guard try rows.first?.decode(Bool.self) == true else { throw MigrationError.changed(migration) }
        }
        return migrations.filter { !applied.contains($0.version) }
    }

    /// SHA-256 of the file, in hex, computed by the server.
    private func checksum(of migration: Migration) -> SQL {
        "encode(sha256(convert_to(\(migration.sql), 'UTF8')), 'hex')"
    }

    private func apply(
        _ migration: Migration, _ connection: Connection, observe: (MigrationEvent) -> Void
    ) throws {
        for attempt in 1...attempts {
            do {
                try connection.transaction { connection in try carryOut(migration, connection) }
                return
            } catch let error as PostgresError {
                guard error.sqlState == .lockNotAvailable || error.sqlState == .deadlockDetected else {
                    throw MigrationError.failed(migration, error)
                }
                observe(.rolledBack(migration, attempt: attempt))
                if attempt < attempts { try connection.execute("SELECT pg_sleep(\(pause / .seconds(1)))") }
            }
        }
        throw MigrationError.locksUnavailable(migration, attempts: attempts)
    }

    private func carryOut(_ migration: Migration, _ connection: Connection) throws(PostgresError) {
        let milliseconds = String(Int(lockTimeout / .milliseconds(1)))
        try connection.pipeline([
            "SELECT set_config('lock_timeout', \(milliseconds), true)",
            """
            INSERT INTO schema_migrations (version, name, checksum)
            VALUES (\(migration.version), \(migration.name), \(checksum(of: migration)))
            """,
        ])
        try connection.execute(unsafeScript: migration.sql)
    }
}

extension PostgresConfiguration {
    /// The same database, configured for migrations: without timeouts, because statements may take long.
    package var forMigrations: PostgresConfiguration {
        var configuration = self
        configuration.statementTimeout = nil
        configuration.lockTimeout = nil
        configuration.idleInTransactionTimeout = nil
        configuration.answerTimeout = nil
        return configuration
    }
}
