import Postgres
import TestSupport
import Testing

/// What the server bounds, whosever session it is: a statement, a wait for a lock, a transaction in which nothing happens.
@Suite struct LimitTests {
    /// How limits come to the server.
    enum Way: CaseIterable {
        case withTheSession
        case withEachTransaction
        /// As in production: by either, and through the pooler where tests run behind one.
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

    @Test(arguments: Way.allCases) func standInEveryTransaction(way: Way) throws {
        var configuration = way.configuration(database)
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

    /// The next one to whom the session is lent finds nothing of them.
    @Test func withEachTransactionTheyEndWithIt() throws {
        let connection = Connection(Way.withEachTransaction.configuration(database))
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

    @Test(arguments: Way.allCases) func serverGivesUpOnASlowStatement(way: Way) throws {
        var configuration = way.configuration(database)
        configuration.statementTimeout = .milliseconds(20)
        let connection = Connection(configuration)
        let error = #expect(throws: PostgresError.self) { try connection.query("SELECT pg_sleep(60)") }
        #expect(error?.kind == .server(.queryCanceled))
        #expect(try connection.query("SELECT 1").count == 1)
    }

    @Test(arguments: Way.allCases) func lockIsNotAwaitedForever(way: Way) throws {
        var configuration = way.configuration(database)
        configuration.lockTimeout = .milliseconds(20)
        let waiting = Connection(configuration)
        try database.connect().transaction { connection in
            try connection.execute("LOCK TABLE things")
            let error = #expect(throws: PostgresError.self) { try waiting.execute("INSERT INTO things VALUES (1)") }
            #expect(error?.kind == .server(.lockNotAvailable))
        }
        #expect(try waiting.execute("INSERT INTO things VALUES (1)") == 1)
    }

    @Test(arguments: Way.allCases) func idleTransactionIsEndedByTheServer(way: Way) throws {
        var configuration = way.configuration(database)
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
