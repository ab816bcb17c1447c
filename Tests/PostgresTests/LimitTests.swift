import Postgres
import TestSupport
import Testing

/// Limits that the server enforces: for a statement, for waiting for a lock, for an idle transaction.
@Suite struct LimitTests {
    /// How limits are sent to the server.
    enum Mode: CaseIterable {
        case withTheSession
        case withEachTransaction
        /// As in production: in either mode, and through the pooler if tests run behind one.
        case asTheApplication

        func configuration(_ database: TestDatabase) -> PostgresConfiguration {
            guard self != .asTheApplication else { return database.application }
            var configuration = database.owner
            configuration.preparesStatements = self == .withTheSession
            return configuration
        }
    }

    let database: TestDatabase

    init() throws {
        database = try TestDatabase.make(isMigrated: false)
        let role = try #require(database.application["user"])
        try database.connect().execute(
            unsafeScript: "CREATE TABLE things (id int PRIMARY KEY); GRANT INSERT ON things TO \(role)")
    }

    private func settings(_ connection: Connection) throws -> [String] {
        let (statement, lock, idle, zone) = try connection.query(
            """
            SELECT current_setting('statement_timeout'), current_setting('lock_timeout'),
                current_setting('idle_in_transaction_session_timeout'), current_setting('TimeZone')
            """
        ).only.decode(String.self, String.self, String.self, String.self)
        return [statement, lock, idle, zone]
    }

    @Test(arguments: Mode.allCases) func limitsApplyToEveryTransaction(mode: Mode) throws {
        var configuration = mode.configuration(database)
        configuration.statementTimeout = .seconds(61)
        configuration.lockTimeout = .milliseconds(62)
        configuration.idleInTransactionTimeout = nil
        let (connection, expected) = (Connection(configuration), ["61s", "62ms", "0", "UTC"])
        #expect(try settings(connection) == expected)
        try connection.transaction { connection in
            for _ in 1...2 { #expect(try settings(connection) == expected) }
            let inside = try connection.savepoint { try settings($0) }
            #expect(inside == expected)
            #expect(throws: PostgresError.self) { try connection.savepoint { try $0.execute("SELECT 1 / 0") } }
            #expect(try settings(connection) == expected)
        }
        try connection.begin()
        try connection.executeLater("SELECT 1")
        let alone = try connection.commit(after: ["SELECT current_setting('statement_timeout')"])
        #expect(try alone.map { try $0.only.decode(String.self) } == ["61s"])
        try connection.begin()
        #expect(throws: PostgresError.self) { try connection.commit(after: ["SELECT 1", "SELECT 1 / 0"]) }
        #expect(try settings(connection) == expected)
    }

    /// The next client of a pooled session is not affected.
    @Test func limitsOfATransactionEndWithIt() throws {
        let connection = Connection(Mode.withEachTransaction.configuration(database))
        try connection.execute("SELECT 1")
        try connection.transaction { _ = try $0.execute("SELECT 1") }
        try connection.execute(
            unsafeScript: """
                DO $$ BEGIN
                    ASSERT current_setting('statement_timeout') = '0' AND current_setting('lock_timeout') = '0'
                        AND current_setting('idle_in_transaction_session_timeout') = '0';
                END $$
                """)
    }

    @Test(arguments: Mode.allCases) func serverCancelsASlowStatement(mode: Mode) throws {
        var configuration = mode.configuration(database)
        configuration.statementTimeout = .milliseconds(20)
        let connection = Connection(configuration)
        let error = #expect(throws: PostgresError.self) { try connection.query("SELECT pg_sleep(60)") }
        #expect(error?.kind == .server(.queryCanceled))
        #expect(try connection.query("SELECT 1").count == 1)
    }

    @Test(arguments: Mode.allCases) func waitingForALockIsLimited(mode: Mode) throws {
        var configuration = mode.configuration(database)
        configuration.lockTimeout = .milliseconds(20)
        let waiting = Connection(configuration)
        try database.connect().transaction { connection in
            try connection.execute("LOCK TABLE things")
            let error = #expect(throws: PostgresError.self) { try waiting.execute("INSERT INTO things VALUES (1)") }
            #expect(error?.kind == .server(.lockNotAvailable))
        }
        #expect(try waiting.execute("INSERT INTO things VALUES (1)") == 1)
    }

    @Test(arguments: Mode.allCases) func idleTransactionIsEndedByTheServer(mode: Mode) throws {
        var configuration = mode.configuration(database)
        configuration.idleInTransactionTimeout = .milliseconds(1)
        let connection = Connection(configuration)
        let other = database.connect()
        try connection.begin()
        let process = try #require(try connection.query("SELECT pg_backend_pid()").first?.decode(Int.self))
        while try !other.query("SELECT 1 FROM pg_stat_activity WHERE pid = \(process)").isEmpty {}
        let error = #expect(throws: PostgresError.self) { try connection.query("SELECT 1") }
        #expect(error?.kind == .connectionLost)
        connection.rollback()
        #expect(try connection.query("SELECT 1").count == 1)
    }
}
