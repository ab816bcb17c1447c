import Foundation
import Migrations
import Postgres
import Synchronization
import TestSupport
import Testing

@Suite struct MigratorTests {
    let database: TestDatabase
    let connection: Connection

    init() throws {
        database = try TestDatabase.make(isMigrated: false)
        connection = Connection(database.owner.forMigrations)
    }

    static let two = [
        Migration(version: 1, name: "things", sql: "CREATE TABLE things (id int); INSERT INTO things VALUES (1)"),
        Migration(version: 2, name: "names", sql: "ALTER TABLE things ADD name text; UPDATE things SET name = 'one'"),
    ]

    private func thingCount() throws -> Int? {
        try connection.query("SELECT count(*) FROM things").first?.decode(Int.self)
    }

    @Test func appliesEachMigrationOnce() throws {
        var events: [String] = []
        for _ in 1...2 {
            try Migrator(Self.two).migrate(connection) { event in
                if case .applied(let migration) = event { events.append(migration.label) }
            }
        }
        #expect(events == ["0001_things", "0002_names"])
        #expect(try connection.query("SELECT name FROM things").first?.decode(String.self) == "one")
    }

    @Test func reportsTheStateOfTheDatabase() throws {
        let (first, both) = (Migrator([Self.two[0]]), Migrator(Self.two))
        #expect(try both.state(connection) == .behind(2))
        try first.migrate(connection)
        #expect(try both.state(connection) == .behind(1))
        try both.migrate(connection)
        #expect(try both.state(connection) == .current)
        #expect(try first.state(connection) == .ahead(1))
        try first.migrate(connection)
        #expect(try both.state(connection) == .current)
    }

    @Test func aChangedMigrationIsRefused() throws {
        try Migrator([Self.two[0]]).migrate(connection)
        let changed = Migration(version: 1, name: "things", sql: Self.two[0].sql + " ")
        let error = #expect(throws: MigrationError.self) {
            try Migrator([changed, Self.two[1]]).migrate(connection)
        }
        guard case .changed(let migration) = error else { return #expect(Bool(false), "\(String(describing: error))") }
        #expect(migration.version == 1)
        #expect(try Migrator(Self.two).state(connection) == .behind(1))
    }

    @Test func aFailedMigrationIsRolledBack() throws {
        let broken = Migration(version: 2, name: "broken", sql: "INSERT INTO things VALUES (2); SELECT 1 / 0")
        let error = #expect(throws: MigrationError.self) {
            try Migrator([Self.two[0], broken]).migrate(connection)
        }
        guard case .failed(let migration, let cause) = error else {
            return #expect(Bool(false), "\(String(describing: error))")
        }
        #expect(migration.name == "broken")
        #expect(cause.sqlState?.rawValue == "22012")
        #expect(try thingCount() == 1)
        try Migrator(Self.two).migrate(connection)
        #expect(try Migrator(Self.two).state(connection) == .current)
    }

    @Test func aCrashIsRepairedByTheNextRun() throws {
        let crashing = Migration(
            version: 2, name: "names",
            sql: """
                ALTER TABLE things ADD name text;
                SELECT pg_terminate_backend(pg_backend_pid()) WHERE current_setting('test.crash', true) = 'on';
                UPDATE things SET name = 'one';
                """)
        let migrator = Migrator([Self.two[0], crashing])
        var configuration = database.owner.forMigrations
        configuration["options"] = "-c test.crash=on"
        let error = #expect(throws: MigrationError.self) { try migrator.migrate(Connection(configuration)) }
        guard case .failed(_, let cause) = error else { return #expect(Bool(false), "\(String(describing: error))") }
        #expect(cause.kind == .connectionLost)
        #expect(try migrator.state(connection) == .behind(1))
        try migrator.migrate(connection)
        #expect(try connection.query("SELECT name FROM things").first?.decode(String.self) == "one")
    }

    @Test func concurrentRunsApplyEachMigrationOnce() throws {
        let applied = Mutex<[Int]>([])
        let failures = Mutex<[String]>([])
        let threads = DispatchGroup()
        let configuration = database.owner.forMigrations
        for _ in 1...8 {
            threads.enter()
            Thread.detachNewThread {
                defer { threads.leave() }
                do {
                    try Migrator(Self.two).migrate(Connection(configuration)) { event in
                        if case .applied(let migration) = event { applied.withLock { $0.append(migration.version) } }
                    }
                } catch {
                    failures.withLock { $0.append(String(reflecting: error)) }
                }
            }
        }
        threads.wait()
        #expect(failures.withLock { $0 } == [])
        #expect(applied.withLock { $0 } == [1, 2])
        #expect(try thingCount() == 1)
    }

    @Test func retriesWhileAnotherSessionHoldsALock() throws {
        try Migrator([Self.two[0]]).migrate(connection)
        let user = database.connect()
        try user.begin()
        try user.execute("UPDATE things SET id = 2")
        var attempts: [Int] = []
        let migrator = Migrator(Self.two, lockTimeout: .milliseconds(20), pause: .zero)
        try migrator.migrate(connection) { event in
            guard case .rolledBack(_, let attempt) = event else { return }
            attempts.append(attempt)
            // During the pause of the migration, other statements are executed.
            _ = try? user.execute("UPDATE things SET id = 3")
            if attempt == 2 { _ = try? user.commit() }
        }
        #expect(attempts == [1, 2])
        #expect(
            try connection.query("SELECT id, name FROM things").first?.decode(Int.self, String.self) ?? (0, "") == (
                3, "one"
            ))
    }

    @Test func givesUpAfterTheMaximumOfAttempts() throws {
        try Migrator([Self.two[0]]).migrate(connection)
        let user = database.connect()
        try user.begin()
        try user.execute("LOCK TABLE things")
        let migrator = Migrator(Self.two, lockTimeout: .milliseconds(10), attempts: 3, pause: .zero)
        let error = #expect(throws: MigrationError.self) { try migrator.migrate(connection) }
        guard case .locksUnavailable(_, attempts: 3) = error else {
            return #expect(Bool(false), "\(String(describing: error))")
        }
        user.rollback()
        try migrator.migrate(connection)
        #expect(try migrator.state(connection) == .current)
    }
}
