import JSON
import Postgres
import TestSupport
import Testing

/// Every test runs with and without prepared statements: `DB_PREPARE` must only change the speed.
@Suite struct BindTests {
    let database: TestDatabase

    init() throws { database = try TestDatabase.make(isMigrated: false) }

    func connection(preparing: Bool) -> Connection {
        var configuration = database.owner
        configuration.preparesStatements = preparing
        return Connection(configuration)
    }

    static let hostileTexts = [
        "", " ", "'; DROP TABLE users; --", "\" OR 1=1", "\\", "\\x41", "$1", "NULL", "{}", "{\"a\",NULL}", "a,b",
        "line\nbreak\r\ttab", "\u{1}\u{7F}", "Zoë 🧶 ﷽", String(repeating: "x", count: 100_000),
    ]

    @Test(arguments: [true, false]) func textIsReturnedUnchanged(preparing: Bool) throws {
        let connection = connection(preparing: preparing)
        for text in Self.hostileTexts {
            let array = [text, "and", text]
            let rows = try connection.query(
                "SELECT \(text)::text, \(array)::text[] = ARRAY[\(text), 'and', \(text)]")
            let (returned, isSameArray) = try #require(try rows.first?.decode(String.self, Bool.self))
            #expect(returned == text)
            #expect(isSameArray, "\(text)")
        }
    }

    @Test(arguments: [true, false]) func numbersAreReturnedExactly(preparing: Bool) throws {
        let connection = connection(preparing: preparing)
        for number in [Int64.min, -1, 0, 9_007_199_254_740_993, Int64.max] {
            let rows = try connection.query("SELECT \(number)::bigint, \(Int(number))::bigint")
            let (first, second) = try #require(try rows.first?.decode(Int64.self, Int.self))
            #expect(first == number && second == Int(number))
        }
        for number in [0.1, -0.0, .leastNonzeroMagnitude, .greatestFiniteMagnitude, .infinity, -.infinity] {
            let returned = try connection.query("SELECT \(number)::float8").first?.decode(Double.self)
            #expect(returned?.bitPattern == number.bitPattern)
        }
        let small = try connection.query("SELECT \(Int32.min)::int").first?.decode(Int32.self)
        #expect(small == Int32.min)
        let notANumber = try connection.query("SELECT \(Double.nan)::float8").first?.decode(Double.self)
        #expect(notANumber?.isNaN == true)
    }

    @Test(arguments: [true, false]) func otherTypesAreReturnedUnchanged(preparing: Bool) throws {
        let connection = connection(preparing: preparing)
        let document: JSON = ["b": [1, 2.5, nil], "a": "\u{0}'\"\\", "c": true]
        let bytes = (0...255).map(UInt8.init)
        let rows = try connection.query(
            """
            SELECT \(document)::json, \(bytes)::bytea, \([UInt8]())::bytea, \(true)::bool, \(false)::bool,
                \([Int64.min, 0, Int64.max])::bigint[] = ARRAY[-9223372036854775808, 0, 9223372036854775807]::bigint[]
            """)
        let (json, all, none, yes, no, isSameArray) = try #require(
            try rows.first?.decode(JSON.self, [UInt8].self, [UInt8].self, Bool.self, Bool.self, Bool.self))
        #expect(json == document)
        #expect(all == bytes && none.isEmpty)
        #expect(yes && !no && isSameArray)
    }

    @Test(arguments: [true, false]) func nilIsNull(preparing: Bool) throws {
        let (text, number, bytes, present): (String?, Int?, [UInt8]?, String?) = (nil, nil, nil, "here")
        let rows = try connection(preparing: preparing).query(
            """
            SELECT \(optional: text)::text, \(optional: number)::int, \(optional: bytes)::bytea,
                \(optional: present)::text
            """
        )
        let row = try #require(try rows.first?.decode(String?.self, Int?.self, [UInt8]?.self, String?.self))
        #expect(row == (nil, nil, nil, "here"))
    }

    @Test(arguments: [true, false]) func nestedStatementsKeepTheirBinds(preparing: Bool) throws {
        let inner: SQL = "(\("a")::text || '$1' || \("b")::text)"
        let many = (1...12).map { "\($0)::int" as SQL }.joined(separator: " + ")
        let rows = try connection(preparing: preparing).query(
            "SELECT \("x")::text || \(inner) || \(inner) || \("y")::text, \(many), \(unsafeRaw: "'raw'")")
        let (text, sum, raw) = try #require(try rows.first?.decode(String.self, Int.self, String.self))
        #expect(text == "xa$1ba$1by")
        #expect(sum == 78)
        #expect(raw == "raw")
    }

    @Test(arguments: [true, false]) func nulIsRefusedBeforeItIsSent(preparing: Bool) throws {
        let connection = connection(preparing: preparing)
        try connection.begin()
        for statement in ["SELECT \("a\0b")::text", "SELECT \(["a\0b"])::text[]", "SELECT 1 \(unsafeRaw: "\0")"]
            as [SQL]
        {
            let error = #expect(throws: PostgresError.self) { try connection.query(statement) }
            #expect(error?.kind == .invalidText)
        }
        #expect(connection.transactionStatus == .open)
        try connection.commit(after: ["SELECT 1"])
    }
}
