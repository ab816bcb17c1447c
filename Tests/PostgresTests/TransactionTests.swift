import Postgres
import TestSupport
import Testing

@Suite struct TransactionTests {
    struct Change: Error {}

    let database: TestDatabase
    let connection: Connection

    init() throws {
        database = try TestDatabase.make(isMigrated: false)
        connection = database.connect()
        try connection.execute(
            unsafeScript: """
                CREATE TABLE things (id int PRIMARY KEY);
                CREATE TABLE parts (thing int REFERENCES things DEFERRABLE INITIALLY DEFERRED);
                """)
    }

    /// The committed rows, as seen by another session.
    private func committedIDs() throws -> [Int] {
        try database.connect().query("SELECT id FROM things ORDER BY id").map { try $0.decode(Int.self) }
    }

    @Test func returningCommits() throws {
        let count = try connection.transaction { connection in
            try connection.execute("INSERT INTO things VALUES (1)")
            #expect(connection.transactionStatus == .open)
            #expect(try committedIDs() == [])
            return try connection.query("SELECT id FROM things").count
        }
        #expect(count == 1)
        #expect(connection.transactionStatus == .idle)
        #expect(try committedIDs() == [1])
    }

    @Test func consequencesFollowTheCommitOnly() throws {
        var seen: [String] = []
        connection.afterCommit { seen.append("no transaction") }
        try connection.transaction { connection in
            try connection.execute("INSERT INTO things VALUES (1)")
            connection.afterCommit { seen.append("committed") }
            #expect(seen == ["no transaction"])
        }
        #expect(throws: Change.self) {
            try connection.transaction { connection in
                connection.afterCommit { seen.append("rolled back") }
                throw Change()
            }
        }
        #expect(throws: PostgresError.self) {
            try connection.transaction { connection in
                try connection.execute("INSERT INTO parts VALUES (7)")
                connection.afterCommit { seen.append("refused") }
            }
        }
        try connection.transaction { _ in }
        #expect(seen == ["no transaction", "committed"])
    }

    @Test func throwingRollsBack() throws {
        #expect(throws: Change.self) {
            try connection.transaction { connection in
                try connection.execute("INSERT INTO things VALUES (1)")
                throw Change()
            }
        }
        #expect(connection.transactionStatus == .idle)
        #expect(try committedIDs() == [])
    }

    @Test func deferredStatementsAreSentWithTheNextOne() throws {
        func insertLater(_ id: Int) throws { try connection.executeLater("INSERT INTO things VALUES (\(id))") }
        try connection.transaction { connection in
            try insertLater(1)
            #expect(try connection.query("SELECT id FROM things").count == 1)
            try insertLater(2)
        }
        #expect(try committedIDs() == [1, 2])
        try connection.transaction { _ in try insertLater(3) }
        #expect(try committedIDs() == [1, 2, 3], "sent with COMMIT")
        try connection.begin()
        try insertLater(4)
        connection.rollback()
        try connection.transaction { connection in
            try connection.savepoint { _ in try insertLater(5) }
            #expect(throws: Change.self) {
                try connection.savepoint { _ in
                    try insertLater(6)
                    throw Change()
                }
            }
        }
        #expect(try committedIDs() == [1, 2, 3, 5])
    }

    @Test func deferredStatementsFailWithTheNextOne() throws {
        try connection.begin()
        try connection.executeLater("INSERT INTO things VALUES (1), (1)")
        #expect(connection.transactionStatus == .open)
        let failure = #expect(throws: PostgresError.self) { try connection.commit(after: ["SELECT 1"]) }
        #expect(failure?.sqlState == .uniqueViolation)
        #expect(connection.transactionStatus == .idle)
        #expect(try committedIDs() == [])

        let outside = #expect(throws: PostgresError.self) { try connection.executeLater("SELECT 1") }
        #expect(outside?.kind == .server(.noActiveTransaction))
        try connection.transaction { connection in
            let text = #expect(throws: PostgresError.self) { try connection.executeLater("SELECT \("\0")") }
            #expect(text?.kind == .invalidText)
            try connection.execute("INSERT INTO things VALUES (7)")
        }
        #expect(try committedIDs() == [7])
    }

    @Test func emptyTransactionSendsNothing() throws {
        var unreachable = database.owner
        unreachable["host"] = "/nonexistent"
        let connection = Connection(unreachable)
        #expect(try connection.transaction { $0.transactionStatus } == .open)
        try connection.transaction { try $0.savepoint { _ in } }
        try connection.begin()
        connection.rollback()
        #expect(connection.transactionStatus == .idle)
    }

    @Test func commitOfAFailedTransactionIsAnError() throws {
        let error = #expect(throws: PostgresError.self) {
            try connection.transaction { connection in
                try connection.execute("INSERT INTO things VALUES (1)")
                _ = try? connection.execute("SELECT 1 / 0")
                #expect(connection.transactionStatus == .failed)
            }
        }
        #expect(error?.kind == .server(.failedTransaction))
        #expect(connection.transactionStatus == .idle)
        #expect(try committedIDs() == [])
    }

    @Test func transactionsDoNotNest() throws {
        try connection.begin()
        let second = #expect(throws: PostgresError.self) { try connection.begin() }
        #expect(second?.kind == .server(.activeTransaction))
        connection.rollback()
        let commit = #expect(throws: PostgresError.self) { try connection.commit() }
        #expect(commit?.kind == .server(.noActiveTransaction))
        let savepoint = #expect(throws: PostgresError.self) { try connection.savepoint { _ in } }
        #expect(savepoint?.kind == .server(.noActiveTransaction))
    }

    // MARK: Statements sent with COMMIT

    @Test func lastStatementsAreSentWithCommit() throws {
        try connection.begin()
        try connection.execute("INSERT INTO things VALUES (1)")
        let rows = try connection.commit(after: [
            "INSERT INTO things VALUES (\(2)) RETURNING id", "SELECT count(*) FROM things",
        ])
        #expect(try rows.map { try $0.first?.decode(Int.self) } == [2, 2])
        #expect(try committedIDs() == [1, 2])
    }

    @Test func pipelinedTransactionCommits() throws {
        try connection.begin()
        try connection.commit(after: ["INSERT INTO things VALUES (1)", "INSERT INTO things VALUES (2)"])
        #expect(try committedIDs() == [1, 2])
    }

    /// VACUUM is refused after BEGIN, so it succeeds only in the implicit transaction of the pipeline.
    @Test func pipelinedTransactionSendsNoBegin() throws {
        try connection.begin()
        try connection.commit(after: ["VACUUM things"])
        try connection.begin()
        try connection.execute("SELECT 1")
        let error = #expect(throws: PostgresError.self) { try connection.commit(after: ["VACUUM things"]) }
        #expect(error?.sqlState?.rawValue == "25001")
    }

    @Test(arguments: [true, false]) func pipelinedFailureIsReportedForItsStatement(prepared: Bool) throws {
        for _ in 1...(prepared ? 2 : 1) {
            try connection.begin()
            let error = #expect(throws: PostgresError.self) {
                try connection.commit(after: [
                    "INSERT INTO things VALUES (1)", "SELECT 1 / \(0)", "INSERT INTO things VALUES (2)",
                ])
            }
            #expect(error?.sqlState?.rawValue == "22012")
            #expect(connection.transactionStatus == .idle)
            #expect(try connection.query("SELECT id FROM things").isEmpty)
        }
    }

    @Test(arguments: [true, false]) func failureOfCommitItselfIsReported(pipelined: Bool) throws {
        let insert: SQL = "INSERT INTO parts VALUES (7)"
        try connection.begin()
        if !pipelined { try connection.execute(insert) }
        let error = #expect(throws: PostgresError.self) {
            try connection.commit(after: (pipelined ? [insert] : []) + ["SELECT 1"])
        }
        #expect(error?.kind == .server(.foreignKeyViolation))
        #expect(error?.constraint == "parts_thing_fkey")
        #expect(connection.transactionStatus == .idle)
        #expect(try connection.query("SELECT * FROM parts").isEmpty)
    }

    @Test func failureToCommitASingleStatementIsReported() throws {
        let error = #expect(throws: PostgresError.self) { try connection.execute("INSERT INTO parts VALUES (7)") }
        #expect(error?.kind == .server(.foreignKeyViolation))
        #expect(try connection.query("SELECT * FROM parts").isEmpty)
    }

    @Test func pipelineIsAllOrNothing() throws {
        #expect(throws: PostgresError.self) {
            try connection.pipeline(["INSERT INTO things VALUES (1)", "INSERT INTO things VALUES (1)"])
        }
        #expect(try committedIDs() == [])
        #expect(try connection.pipeline(["INSERT INTO things VALUES (1)", "SELECT 2"]).count == 2)
        #expect(try committedIDs() == [1])
    }

    // MARK: Savepoints

    @Test func failedSavepointRollsBackOnlyItsBody() throws {
        try connection.transaction { connection in
            try connection.execute("INSERT INTO things VALUES (1)")
            #expect(throws: PostgresError.self) {
                try connection.savepoint { connection in
                    try connection.execute("INSERT INTO things VALUES (2)")
                    try connection.execute("INSERT INTO things VALUES (1)")
                }
            }
            #expect(connection.transactionStatus == .open)
            try connection.savepoint { try $0.execute("INSERT INTO things VALUES (3)") }
        }
        #expect(try committedIDs() == [1, 3])
    }

    @Test func savepointsNest() throws {
        try connection.transaction { connection in
            try connection.savepoint { connection in
                try connection.savepoint { try $0.execute("INSERT INTO things VALUES (1)") }
                #expect(throws: Change.self) {
                    try connection.savepoint { connection in
                        try connection.execute("INSERT INTO things VALUES (2)")
                        try connection.savepoint { try $0.execute("INSERT INTO things VALUES (3)") }
                        throw Change()
                    }
                }
                #expect(throws: Change.self) { try connection.savepoint { _ in throw Change() } }
                try connection.execute("INSERT INTO things VALUES (4)")
            }
        }
        #expect(try committedIDs() == [1, 4])
    }

    @Test func transactionMayBeginWithASavepoint() throws {
        try connection.transaction { connection in
            #expect(throws: PostgresError.self) { try connection.savepoint { try $0.execute("SELECT 1 / 0") } }
            try connection.execute("INSERT INTO things VALUES (1)")
        }
        #expect(try committedIDs() == [1])
    }

    @Test func commitWithinASavepointIncludesIt() throws {
        try connection.begin()
        try connection.savepoint { connection in
            try connection.executeLater("INSERT INTO things VALUES (1)")
            try connection.commit(after: ["INSERT INTO things VALUES (2)"])
        }
        connection.rollback()
        try connection.transaction { _ = try $0.execute("INSERT INTO things VALUES (3)") }
        #expect(try committedIDs() == [1, 2, 3])
    }

    @Test func scriptRunsInTheOpenTransaction() throws {
        #expect(throws: PostgresError.self) {
            try connection.transaction { connection in
                try connection.execute(unsafeScript: "INSERT INTO things VALUES (1); INSERT INTO things VALUES (2)")
                try connection.execute(unsafeScript: "INSERT INTO things VALUES (3); SELECT 1 / 0; SELECT 2")
            }
        }
        #expect(try committedIDs() == [])
        try connection.execute(unsafeScript: "INSERT INTO things VALUES (1)")
        #expect(try connection.query("SELECT id FROM things").count == 1)
    }
}
