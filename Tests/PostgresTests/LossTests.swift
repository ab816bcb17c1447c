import Postgres
import TestSupport
import Testing

/// What happens when the server ends the session, is slow, or cannot be reached.
@Suite struct LossTests {
    let database: TestDatabase
    let connection: Connection

    init() throws {
        database = try TestDatabase.make(isMigrated: false)
        connection = database.connect()
        try connection.execute("CREATE TABLE things (id int PRIMARY KEY)")
    }

    private static let terminateOwnSession: SQL = "SELECT pg_terminate_backend(pg_backend_pid())"

    private func terminate(_ connection: Connection) throws {
        let process = try #require(try connection.query("SELECT pg_backend_pid()").first?.decode(Int.self))
        let other = database.connect()
        try other.execute("SELECT pg_terminate_backend(\(process), 10000)")
    }

    @Test func lossDuringAStatementIsReportedAndTheConnectionReopened() throws {
        let error = #expect(throws: PostgresError.self) { try connection.query(Self.terminateOwnSession) }
        #expect(error?.kind == .connectionLost)
        #expect(error?.sqlState == .adminShutdown)
        #expect(error?.isUnavailability == true)
        #expect(try connection.query("SELECT 1").count == 1)
    }

    @Test func connectionLostWhileIdleIsReopened() throws {
        try terminate(connection)
        #expect(try connection.query("SELECT 1").count == 1)
        try terminate(connection)
        try connection.transaction { _ = try $0.execute("INSERT INTO things VALUES (1)") }
        #expect(try connection.query("SELECT 1").count == 1)
    }

    @Test func transactionEndsWithItsConnection() throws {
        var next: PostgresError?
        let error = #expect(throws: PostgresError.self) {
            try connection.transaction { connection in
                try connection.execute("INSERT INTO things VALUES (1)")
                _ = try? connection.execute(Self.terminateOwnSession)
                #expect(connection.transactionStatus == .failed)
                do { try connection.execute("INSERT INTO things VALUES (2)") } catch { next = error as? PostgresError }
            }
        }
        #expect(next?.kind == .connectionLost)
        #expect(error?.kind == .connectionLost)
        #expect(connection.transactionStatus == .idle)
        #expect(try connection.query("SELECT id FROM things").isEmpty)
    }

    // MARK: COMMIT

    /// Makes the server end the session during COMMIT.
    private func loseConnectionAtCommit() throws {
        try connection.execute(
            unsafeScript: """
                CREATE FUNCTION leave() RETURNS trigger LANGUAGE plpgsql AS
                    $$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END $$;
                CREATE CONSTRAINT TRIGGER leave AFTER INSERT ON things DEFERRABLE INITIALLY DEFERRED
                    FOR EACH ROW EXECUTE FUNCTION leave();
                """)
    }

    @Test(arguments: [true, false]) func lossDuringCommitIsReportedAsUnknown(pipelined: Bool) throws {
        try loseConnectionAtCommit()
        let insert: SQL = "INSERT INTO things VALUES (1)"
        try connection.begin()
        if !pipelined { try connection.execute(insert) }
        let error = #expect(throws: PostgresError.self) { try connection.commit(after: pipelined ? [insert] : []) }
        #expect(error?.kind == .commitUnknown)
        #expect(connection.transactionStatus == .idle)
        #expect(try connection.query("SELECT id FROM things").isEmpty)
    }

    @Test(arguments: [true, false]) func lossBeforeCommitIsReportedAsLoss(pipelined: Bool) throws {
        let insert: SQL = "INSERT INTO things VALUES (1)"
        try connection.begin()
        if !pipelined { try connection.execute(insert) }
        let error = #expect(throws: PostgresError.self) {
            try connection.commit(after: (pipelined ? [insert] : []) + [Self.terminateOwnSession])
        }
        #expect(error?.kind == .connectionLost)
        #expect(connection.transactionStatus == .idle)
        #expect(try connection.query("SELECT id FROM things").isEmpty)
    }

    // MARK: Silence

    @Test func silentServerIsATimeout() throws {
        var configuration = database.owner
        configuration.statementTimeout = nil
        configuration.answerTimeout = .milliseconds(500)
        let connection = Connection(configuration)
        try connection.execute("SELECT 1")
        let clock = ContinuousClock()
        let duration = clock.measure {
            let error = #expect(throws: PostgresError.self) { try connection.query("SELECT pg_sleep(60)") }
            #expect(error?.kind == .timedOut)
            #expect(error?.isUnavailability == true)
        }
        #expect(duration >= .milliseconds(500) && duration < .seconds(30))
        #expect(try connection.query("SELECT 1").count == 1)
    }

    @Test func readOnlyServerIsDisconnected() throws {
        var configuration = database.owner
        configuration["options"] = "-c default_transaction_read_only=on"
        let connection = Connection(configuration)
        let select: SQL = "SELECT pg_backend_pid()"
        let first = try connection.query(select).first?.decode(Int.self)
        let error = #expect(throws: PostgresError.self) { try connection.execute("INSERT INTO things VALUES (1)") }
        #expect(error?.kind == .server(.readOnlyTransaction))
        #expect(error?.isUnavailability == true)
        #expect(try connection.query(select).first?.decode(Int.self) != first)
    }

    @Test func connectionAttemptsToAnUnreachableServerAreLimited() throws {
        var configuration = database.owner
        configuration["host"] = "/nonexistent"
        let connection = Connection(configuration)
        var attempts = 0
        for _ in 1...10_000 {
            let error = #expect(throws: PostgresError.self) { try connection.query("SELECT 1") }
            #expect(error?.kind == .connectionUnavailable)
            if error?.debugDescription.contains("waiting") == false { attempts += 1 }
        }
        #expect(attempts >= 1 && attempts < 200)
    }

    @Test func closeEndsTheSession() throws {
        try connection.begin()
        try connection.execute("INSERT INTO things VALUES (1)")
        connection.close()
        #expect(connection.transactionStatus == .failed)
        connection.rollback()
        #expect(try connection.query("SELECT id FROM things").isEmpty)
    }
}
