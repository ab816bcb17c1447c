import Postgres
import TestSupport
import Testing

/// Which round trip of a session took longest.
@Suite struct SlowStatementTests {
    /// Removed with its last reference.
    let database: TestDatabase
    let connection: Connection

    init() throws {
        database = try TestDatabase.make(isMigrated: false)
        connection = database.connect()
        try connection.execute("SELECT 1")
        connection.slowestStatement = nil
    }

    /// The server sends the answers of a batch together.
    @Test func isTheWholeOfABatch() throws {
        for _ in 0..<2 {
            connection.slowestStatement = nil
            try connection.pipeline(["SELECT 1", "SELECT pg_sleep(0.05), \("canary")::text", "SELECT 2"])
            let slowest = try #require(connection.slowestStatement)
            #expect(slowest.text == "SELECT 1; SELECT pg_sleep(0.05), $1::text; SELECT 2")
            // The server may have begun before this thread looks at the clock.
            #expect(slowest.duration >= .milliseconds(10))
        }
    }

    @Test func isKeptUntilASlowerOne() throws {
        try connection.execute("SELECT pg_sleep(0.3)")
        try connection.execute("SELECT 1")
        #expect(connection.slowestStatement?.text == "SELECT pg_sleep(0.3)")
        try connection.execute("SELECT pg_sleep(1)")
        #expect(connection.slowestStatement?.text == "SELECT pg_sleep(1)")
    }

    @Test func isFoundInATransactionAndIfItFails() throws {
        #expect(throws: PostgresError.self) {
            try connection.transaction { connection in
                try connection.execute("SELECT 1")
                try connection.execute("SELECT 1 / (SELECT 0 FROM pg_sleep(0.3))")
            }
        }
        #expect(connection.slowestStatement?.text == "SELECT 1 / (SELECT 0 FROM pg_sleep(0.3))")
    }
}
