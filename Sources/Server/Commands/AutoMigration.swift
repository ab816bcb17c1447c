import Crypto
import Migrations
import System

/// `AUTO_MIGRATE`: what `migrate` does, at the start of a process that a web server or cron has started, for hosts on
/// which no command is run after an update.
///
/// A file in `STATE_DIR` says that this program has migrated this database, so that the other processes need no
/// connection for it. Its name is a digest of both: with a new program, or other settings, it is another file.
/// Processes that start at the same time wait for each other (`Migrator`), and one that is killed is followed by the
/// next.
///
/// A process in which the migration fails serves nevertheless: its calls are answered 503 by what they need, and the
/// next process attempts it again.
enum AutoMigration {
    static func run(_ invocation: Invocation, _ observe: (Observation) -> Void) throws {
        let configuration = invocation.configuration
        guard try configuration.autoMigrate, !PoolMemory.isSupervised(invocation.environment) else { return }
        let file = try path(configuration)
        guard !Files.exists(file) else { return }
        do {
            try Migrate.carryOut(configuration) { observe(.migrated($0)) }
        } catch {
            observe(.notMigrated(error))
            return
        }
        // Without the file the next process looks into the database again.
        try? Files.create(file)
    }

    private static func path(_ configuration: Configuration) throws -> String {
        let parts: [String?] = try [
            configuration.databaseURL, configuration.migrationDatabaseURL, configuration.dbHost, configuration.dbPort,
            configuration.dbName, configuration.dbUser, configuration.adminEmail,
            Migrations.all.last.map(\.label),
        ]
        let digest = Digest.sha256(Array(parts.map { $0 ?? "" }.joined(separator: "\0").utf8))
        return "\(try configuration.stateFolder)/migrated-\(Hexadecimal.encode(digest.prefix(16)))"
    }
}
