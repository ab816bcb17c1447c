import Crypto
import HTTP
import JSON
import Postgres
import TestSupport
import Testing

@testable import App

@Suite struct ListQueryTests {
    private static let id = "00000000-0000-7000-8000-000000000001"
    private static let scope = "things \(id)"
    private static let list = PagedList(
        "things",
        of: Resource(
            "Thing",
            .id("id"), .text("kind"), .integer("number"), .integer("rank", sql: "number / 3"), .time("created_at")),
        filters: [.text("kind", fitting: .string(enum: ["a", "b"])), .id("owner"), .boolean("open")],
        sortableBy: ["rank"])

    private static func query(_ query: String) throws -> ListQuery {
        try ListQuery(try #require(FormFields(parsing: query[...])), of: list, for: id)
    }

    @Test(arguments: [
        "", "limit=1", "limit=100", "sort=created_at", "sort=-created_at", "sort=rank", "sort=-rank", "fields=id",
        "fields=kind,id", "kind=a",
        "owner=0190163d-8694-739b-aea5-966c26f8ad91", "open=true",
        "open=false&kind=b&limit=5&sort=created_at&fields=id",
    ])
    func acceptsValidQueries(query: String) throws {
        _ = try Self.query(query)
    }

    @Test(arguments: [
        "limit=0", "limit=-1", "limit=101", "limit=1000000000", "limit=abc", "limit=", "limit=5.0", "limit=0x5",
        "limit=99999999999999999999", "limit=%20%205", "limit=+5", "limit=%2B5", "limit=05", "limit=5%20",
        "sort=id", "sort=", "sort=created_at,id", "sort=-",
        "sort=--rank", "fields=",
        "fields=id,", "fields=id,id", "fields=id,kind,number,rank,created_at,id",
        "fields=password_hash", "fields=ID", "fields=id, kind", "kind=c", "kind=", "kind=A", "owner=5",
        "owner=' OR 1=1",
        "open=1", "open=TRUE", "cursor=", "cursor=abc", "cursor=!!!", "cursor=W10",
    ])
    func refusesInvalidQueries(query: String) {
        let problem = #expect(throws: Problem.self) { _ = try Self.query(query) }
        #expect(problem?.status == .badRequest)
    }

    private func cursor(scope: String = scope, value: Int64 = 1_000_000) -> String {
        Base64URL.encode(([.string(scope), .integer(value), .string(Self.id)] as JSON).serialized())
    }

    @Test func acceptsOnlyItsOwnCursors() throws {
        _ = try Self.query("cursor=\(cursor())")
        _ = try Self.query("sort=-rank&cursor=\(cursor(scope: Self.scope + " by rank", value: .max))")
        let foreignCursors = [
            cursor(scope: "others \(Self.id)"), cursor(scope: "things 00000000-0000-7000-8000-000000000002"),
            cursor(scope: Self.scope + " by rank"), cursor(value: 4_102_444_800_000_001),
        ]
        for foreign in foreignCursors {
            let problem = #expect(throws: Problem.self) { _ = try Self.query("cursor=\(foreign)") }
            #expect(problem?.code == "invalid_cursor")
        }
    }

    @Test(
        arguments: [
            ["things", 1, .string(id)], [.string(scope), 1], [.string(scope), -1, .string(id)],
            [.string(scope), 1.5, .string(id)],
            [.string(scope), .integer(.max), .string(id)], [.string(scope), 1, "'; DROP TABLE users; --"],
            [.string(scope), 1, .string(id), 1], [:], nil,
        ] as [JSON])
    func refusesForgedCursors(parts: JSON) {
        let problem = #expect(throws: Problem.self) {
            _ = try Self.query("cursor=\(Base64URL.encode(parts.serialized()))")
        }
        #expect(problem?.code == "invalid_cursor")
    }

    @Test func aPageContainsTheRequestedFields() throws {
        let connection = try Self.things.get().connect()
        func page(_ query: String, where condition: SQL) throws -> JSON {
            try JSON(
                parsing: Self.query(query).page(from: "things WHERE \(condition)", on: connection).bytes)
        }
        let item: JSON = [
            "id": "00000000-0000-0000-0000-000000000004", "kind": "a", "number": 4, "rank": 1,
            "created_at": "2026-01-01T00:00:00.123Z",
        ]
        #expect(try page("kind=a", where: "number = 4") == ["items": [item], "next_cursor": nil])
        #expect(
            try page("kind=a&fields=rank,kind", where: "number = 4")
                == ["items": [["kind": "a", "rank": 1]], "next_cursor": nil])
        #expect(try page("", where: "false") == ["items": [], "next_cursor": nil])
    }

    /// Pages of any size contain each row once, in order, even if many rows were created at the same instant.
    @Test(arguments: [1, 2, 3, 7, 24, 25, 100], ["created_at", "-created_at", "rank", "-rank"])
    func consecutivePagesContainEachRowOnce(limit: Int, sort: String) throws {
        let connection = try Self.things.get().connect()
        var seen: [Int64] = []
        var cursor: String?
        repeat {
            let query = try Self.query(
                "limit=\(limit)&sort=\(sort)&kind=a&fields=number" + (cursor.map { "&cursor=\($0)" } ?? ""))
            let body = try JSON(parsing: query.page(from: "things WHERE true", on: connection).bytes)
            let items = try #require(body["items"]?.arrayValue)
            #expect(items.count <= limit)
            seen += items.compactMap { $0["number"]?.integerValue }
            cursor = body["next_cursor"]?.stringValue
        } while cursor != nil && seen.count < 100
        #expect(seen == (sort.hasPrefix("-") ? Array((1...25).reversed()) : Array(1...25)))
    }

    /// 25 rows of kind `a` at nine instants, and as many of kind `b`.
    private static let things = Result {
        let database = try TestDatabase.make()
        try database.connect().execute(
            unsafeScript: """
                CREATE TABLE things (number int, id uuid, created_at timestamptz, kind text);
                INSERT INTO things
                SELECT n, lpad(n::text, 32, '0')::uuid,
                    '2026-01-01 00:00:00.123456Z'::timestamptz + n / 3 * interval '1 us', kind
                FROM generate_series(1, 25) n, (VALUES ('a'), ('b')) kinds (kind);
                """)
        return database
    }
}
