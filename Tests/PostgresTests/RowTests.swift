import JSON
import Postgres
import TestSupport
import Testing

@Suite struct RowTests {
    let database: TestDatabase

    init() throws { database = try TestDatabase.make(isMigrated: false) }

    @Test func rowsAreACollectionThatOutlivesItsConnection() throws {
        let rows = try database.connect().query("SELECT n, n * n FROM generate_series(1, 4) n")
        #expect(rows.count == 4)
        #expect(try rows.map { try $0.decode(Int.self, Int.self).1 } == [1, 4, 9, 16])
        #expect(try rows.last?.decode(Int.self, Int.self).0 == 4)
    }

    @Test func affectedRowsAreCounted() throws {
        let connection = database.connect()
        try connection.execute("CREATE TABLE things (id int)")
        #expect(try connection.execute("INSERT INTO things SELECT generate_series(1, 5)") == 5)
        #expect(try connection.execute("DELETE FROM things WHERE id > 3") == 2)
        #expect(try connection.query("UPDATE things SET id = id + 1 RETURNING id").affectedCount == 3)
        #expect(try connection.query("SELECT id FROM things WHERE false").isEmpty)
    }

    static let mismatches: [(SQL, @Sendable (Row) throws -> Void)] = [
        ("SELECT 'a'", { _ = try $0.decode(Int.self) }),
        ("SELECT 1.5", { _ = try $0.decode(Int64.self) }),
        ("SELECT 3000000000", { _ = try $0.decode(Int32.self) }),
        ("SELECT 'true'", { _ = try $0.decode(Bool.self) }),
        ("SELECT '{'", { _ = try $0.decode(JSON.self) }),
        ("SELECT 'x'", { _ = try $0.decode([UInt8].self) }),
        ("SELECT 'x'", { _ = try $0.decode(Int?.self) }),
        ("SELECT NULL", { _ = try $0.decode(String.self) }),
        ("SELECT 1, 2", { _ = try $0.decode(Int.self) }),
        ("SELECT 1", { _ = try $0.decode(Int.self, Int.self) }),
    ]

    @Test func mismatchIsATypedError() throws {
        let connection = database.connect()
        for (index, (statement, decode)) in Self.mismatches.enumerated() {
            let row = try #require(try connection.query(statement).first)
            let error = #expect(throws: PostgresError.self, "mismatch \(index)") { try decode(row) }
            #expect(error?.kind == .decoding)
        }
    }
}
