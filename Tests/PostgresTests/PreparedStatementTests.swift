import Postgres
import TestSupport
import Testing

@Suite struct PreparedStatementTests {
    let database: TestDatabase
    let connection: Connection

    init() throws {
        database = try TestDatabase.make(isMigrated: false)
        connection = database.connect()
        try connection.execute("CREATE TABLE things (id int, name text)")
        try connection.execute("INSERT INTO things VALUES (1, 'one')")
    }

    private func preparedCount(on connection: Connection) throws -> Int {
        let rows = try connection.query("SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE '%things%'")
        return try #require(try rows.first?.decode(Int.self))
    }

    @Test func statementIsPreparedOnce() throws {
        for id in 1...3 { try connection.execute("SELECT name FROM things WHERE id = \(id)") }
        // With CREATE TABLE, INSERT and the count itself: four texts.
        #expect(try preparedCount(on: connection) == 4)
    }

    @Test func statementsAreNotPreparedWhenDisabled() throws {
        var configuration = database.owner
        configuration.preparesStatements = false
        let connection = Connection(configuration)
        for id in 1...3 { try connection.execute("SELECT name FROM things WHERE id = \(id)") }
        #expect(try preparedCount(on: connection) == 0)
    }

    /// The plan is kept while the table grows.
    @Test func statementPreparedForAnEmptyTableUsesItsIndex() throws {
        try connection.execute("CREATE TABLE places (id int PRIMARY KEY)")
        try connection.execute("VACUUM ANALYZE places")
        let plan = try connection.query("EXPLAIN (COSTS off) SELECT id FROM places WHERE id = 1")
        #expect(try plan.map { try $0.decode(String.self) }.joined().contains("places_pkey"))
    }

    /// Regardless of the costs of the first plans.
    @Test func genericPlanIsUsedFromTheStart() throws {
        for id in 1...10 { try connection.execute("SELECT name FROM things WHERE id = \(id)") }
        let plans = try connection.query(
            "SELECT generic_plans, custom_plans FROM pg_prepared_statements WHERE statement LIKE '%WHERE id = $1'")
        #expect(try plans.only.decode(Int.self, Int.self) == (10, 0))
    }

    @Test func numberOfPreparedStatementsIsBounded() throws {
        for number in 1...300 { try connection.execute("SELECT \(unsafeRaw: String(number)) FROM things") }
        #expect(try preparedCount(on: connection) <= 256)
    }

    @Test(arguments: [false, true]) func changedColumnTypeIsPreparedAgain(inTransaction: Bool) throws {
        let select: SQL = "SELECT name FROM things"
        try connection.execute(select)
        try database.connect().execute("ALTER TABLE things ALTER name TYPE bytea USING name::bytea")
        if inTransaction { try connection.begin() }
        #expect(try connection.query(select).first?.decode([UInt8].self) == Array("one".utf8))
        #expect(connection.transactionStatus == (inTransaction ? .open : .idle))
        connection.rollback()
    }

    @Test(arguments: [false, true]) func lostStatementIsPreparedAgain(inTransaction: Bool) throws {
        let select: SQL = "SELECT name FROM things"
        try connection.execute(select)
        try connection.execute("DEALLOCATE ALL")
        if inTransaction { try connection.begin() }
        #expect(try connection.query(select).first?.decode(String.self) == "one")
        #expect(connection.transactionStatus == (inTransaction ? .open : .idle))
        connection.rollback()
    }

    @Test func lostStatementOfAPipelinedTransactionIsPreparedAgain() throws {
        let select: SQL = "SELECT name FROM things"
        try connection.execute(select)
        try connection.execute("DEALLOCATE ALL")
        try connection.begin()
        try connection.executeLater("INSERT INTO things (name) SELECT 'later' WHERE false")
        let rows = try connection.commit(after: [select])
        #expect(try rows.last?.first?.decode(String.self) == "one")
        #expect(connection.transactionStatus == .idle)
    }

    @Test func columnChangeFailsATransactionOnce() throws {
        let select: SQL = "SELECT name FROM things"
        try connection.execute(select)
        try connection.begin()
        try connection.execute("SELECT 1")
        try database.connect().execute("ALTER TABLE things ALTER name TYPE bytea USING name::bytea")
        let error = #expect(throws: PostgresError.self) { try connection.query(select) }
        #expect(error?.kind == .server(.featureNotSupported))
        #expect(connection.transactionStatus == .failed)
        connection.rollback()
        #expect(try connection.query(select).count == 1)
    }

    @Test func failedPreparationIsNotRemembered() throws {
        let select: SQL = "SELECT later FROM things"
        for _ in 1...2 {
            let error = #expect(throws: PostgresError.self) { try connection.query(select) }
            #expect(error?.sqlState?.rawValue == "42703")
        }
        try connection.execute("ALTER TABLE things ADD later int")
        #expect(try connection.query(select).count == 1)
    }
}
