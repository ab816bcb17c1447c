import Glibc
import Migrations
package import Postgres
import Synchronization

/// A database for one test, with every migration applied. It is dropped when the last reference to it is released.
///
/// It is a copy of a template that is migrated once per process, so creating it takes milliseconds.
package final class TestDatabase: Sendable {
    package let name: String
    /// The configuration of the role that owns the database.
    package let owner: PostgresConfiguration
    /// The configuration of the program's role in production; through the pooler if there is one.
    package let application: PostgresConfiguration

    /// Creates the database.
    ///
    /// - Parameter isMigrated: false for an empty database.
    package static func make(isMigrated: Bool = true) throws -> TestDatabase {
        let server = try Server.fromEnvironment()
        return try TestDatabase(server, template: isMigrated ? template(on: server) : "template1")
    }

    private let server: Server

    private init(_ server: Server, template: String) throws {
        self.server = server
        name = Server.freshName()
        owner = server.owner(of: name)
        application = server.application(of: name)
        try server.create(name, from: template)
    }

    deinit { server.drop(name) }

    /// A new connection as the owner, not yet open. Its transactions have no idle timeout.
    package func connect() -> Connection {
        var configuration = owner
        configuration.idleInTransactionTimeout = nil
        return Connection(configuration)
    }

    /// A new connection as the application's role, not yet open.
    package func connectAsApplication() -> Connection { Connection(application) }

    /// Terminates a session of the application's role, and returns when it has ended.
    package func end(session: Int) throws {
        try Connection(server.application(of: name, directly: true)).execute(
            "SELECT pg_terminate_backend(\(session), 10000)")
    }

    /// Whether each connection of the application has its own session, as without a pooler.
    package static var givesSessions: Bool { Server.pooler == nil }

    private static let templateName = Mutex<String?>(nil)

    private static func template(on server: Server) throws -> String {
        try templateName.withLock { existing in
            if let existing { return existing }
            let name = Server.freshName()
            try server.create(name, from: "template1")
            let connection = Connection(server.owner(of: name).forMigrations)
            try Migrator().migrate(connection)
            try Migrator().grant(to: server.role, connection)
            existing = name
            return name
        }
    }
}

/// The server that `scripts/with-postgres` starts for the tests.
private struct Server {
    let maintenance: PostgresConfiguration
    let role: String
    let password: String
    /// The folder of the pooler's socket; nil without a pooler.
    static var pooler: String? { environment("TEST_POOLER") }

    struct Missing: Error, CustomStringConvertible {
        let description = "no test database: TEST_DATABASE_URL is not set; run the tests through `make test`"
    }

    static func fromEnvironment() throws -> Server {
        guard let url = environment("TEST_DATABASE_URL"), let role = environment("TEST_APP_ROLE"),
            let password = environment("TEST_APP_PASSWORD")
        else { throw Missing() }
        var maintenance = try PostgresConfiguration(url)
        // Long timeouts: a machine that runs many tests is slow.
        maintenance["connect_timeout"] = "60"
        maintenance.statementTimeout = .seconds(60)
        maintenance.answerTimeout = .seconds(90)
        return Server(maintenance: maintenance, role: role, password: password)
    }

    private static func environment(_ name: String) -> String? {
        unsafe getenv(name).map { unsafe String(cString: $0) }
    }

    static func freshName() -> String { "test_\(UInt64.random(in: 0...UInt64.max))" }

    func owner(of database: String) -> PostgresConfiguration {
        var configuration = maintenance
        configuration["dbname"] = database
        return configuration
    }

    func application(of database: String, directly: Bool = false) -> PostgresConfiguration {
        var configuration = owner(of: database)
        configuration["user"] = role
        configuration["password"] = password
        if !directly, let pooler = Server.pooler {
            configuration["host"] = pooler
            configuration.preparesStatements = false
        }
        return configuration
    }

    func create(_ database: String, from template: String) throws {
        let connection = Connection(maintenance.forMigrations)
        try connection.execute("CREATE DATABASE \(unsafeRaw: database) TEMPLATE \(unsafeRaw: template)")
    }

    /// Ignores failures: the server is deleted after the tests anyway.
    func drop(_ database: String) {
        let connection = Connection(maintenance.forMigrations)
        _ = try? connection.execute("DROP DATABASE IF EXISTS \(unsafeRaw: database) WITH (FORCE)")
    }
}
