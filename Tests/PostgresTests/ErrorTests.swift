import Postgres
import TestSupport
import Testing

@Suite struct ErrorTests {
    struct Duplicate: Error {}

    let database: TestDatabase

    init() throws { database = try TestDatabase.make(isMigrated: false) }

    @Test func reportsTheViolatedConstraint() throws {
        let connection = database.connect()
        try connection.execute("CREATE TABLE things (id int CONSTRAINT things_id_unique UNIQUE)")
        try connection.execute("INSERT INTO things VALUES (1)")
        #expect(throws: Duplicate.self) {
            do {
                try connection.execute("INSERT INTO things VALUES (\(1))")
            } catch SQLState.uniqueViolation {
                throw Duplicate()
            }
        }
        let error = #expect(throws: PostgresError.self) { try connection.execute("INSERT INTO things VALUES (1)") }
        #expect(error?.kind == .server(.uniqueViolation))
        #expect(error?.constraint == "things_id_unique")
        #expect(error?.isUnavailability == false)
        #expect(try connection.query("SELECT 1").count == 1)
    }

    @Test(
        arguments: [
            "SELECT \("canary")::int", "SELECT \("canary")::json", "SELECT \("canary")::timestamptz",
            "SELECT (\("9")::text || '99999999999')::int AS canary", "SELECT * FROM nowhere WHERE 'canary' = 'canary'",
            "INSERT INTO things VALUES (\("canary"))",
        ] as [SQL])
    func errorsContainNeitherBindsNorStatements(statement: SQL) throws {
        let connection = database.connect()
        try connection.execute("CREATE TABLE things (name text PRIMARY KEY)")
        try connection.execute("INSERT INTO things VALUES ('canary')")
        let error = try #require(throws: PostgresError.self) { try connection.query(statement) }
        #expect(!error.description.contains("canary"))
        #expect(!error.debugDescription.contains("canary"))
        #expect(!error.debugDescription.contains("99999999999"))
    }

    @Test func statesAreClassified() {
        #expect(SQLState(rawValue: "22P02").isDataException)
        #expect(SQLState.deadlockDetected.isConflict && SQLState.serializationFailure.isConflict)
        for state in ["08006", "53300", "57P01", "57P03", "25006"] {
            #expect(SQLState(rawValue: state).isUnavailability)
        }
        #expect(!SQLState.queryCanceled.isUnavailability)
    }
}
