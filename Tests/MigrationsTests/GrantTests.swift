import Migrations
import Postgres
import TestSupport
import Testing

@Suite struct GrantTests {
    let database: TestDatabase
    let owner: Connection
    let application: Connection

    /// The template of the test databases has the grants already; repeating them is part of the test.
    init() throws {
        database = try TestDatabase.make()
        owner = database.connect()
        application = database.connectAsApplication()
        let role = try #require(database.application["user"])
        try owner.execute("GRANT TRUNCATE ON users TO \(unsafeRaw: role)")
        for _ in 1...2 { try Migrator().grant(to: role, owner) }
        try owner.execute(unsafeScript: "CREATE TABLE later (id serial PRIMARY KEY, name text)")
    }

    @Test(
        arguments: [
            "SELECT count(*) FROM users", "DELETE FROM users", "SELECT version FROM schema_migrations",
            "INSERT INTO later (name) VALUES ('x') RETURNING id", "UPDATE later SET name = 'y'",
            "UPDATE credits SET balance = 0", "UPDATE records SET deleted_at = now()",
            "SELECT make_history_partitions(0)", "SELECT drop_history_partition(now() - interval '31 days')",
            "SELECT runs FROM count_dropped_history(1)", "SELECT month FROM history",
        ] as [SQL])
    func applicationMayExecute(statement: SQL) throws {
        try application.execute(statement)
    }

    @Test(
        arguments: [
            "TRUNCATE users", "DROP TABLE users", "ALTER TABLE users ADD x int", "CREATE TABLE mine (id int)",
            "INSERT INTO schema_migrations VALUES (99, 'x', 'x')", "DELETE FROM schema_migrations",
            "UPDATE schema_migrations SET checksum = ''", "SELECT setval('later_id_seq', 1)",
            "UPDATE ledger SET note = ''", "DELETE FROM ledger", "TRUNCATE ledger", "DELETE FROM credits",
            "UPDATE records SET result = '0'", "DELETE FROM records",
            "SELECT drop_history_partition(now() - interval '30 days')", "SELECT drop_history_partition(NULL)",
            "INSERT INTO dropped_history (month) VALUES ('first')", "DELETE FROM dropped_history",
            "ALTER TABLE executions DETACH PARTITION executions_first", "DROP TABLE steps_first",
            "SELECT bound_default_history('x', 'MINVALUE', first_id(now()))",
        ] as [SQL])
    func applicationMayNotExecute(statement: SQL) throws {
        let error = #expect(throws: PostgresError.self) { try application.execute(statement) }
        #expect(error?.kind == .server(.insufficientPrivilege))
    }

    @Test func applicationCanReadTheState() throws {
        #expect(try Migrator().state(application) == .current)
    }

    @Test func roleNamesAreQuoted() throws {
        let error = #expect(throws: PostgresError.self) {
            try Migrator().grant(to: "x; DROP TABLE users; --", owner)
        }
        #expect(error?.sqlState?.rawValue == "42704")
        #expect(try owner.query("SELECT 1 FROM users").isEmpty)
    }
}
