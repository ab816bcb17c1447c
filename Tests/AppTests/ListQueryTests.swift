import Crypto
import HTTP
import JSON
import Postgres
import TestSupport
import Testing

@testable import App

@Suite struct ListQueryTests {
    private static let id = "00000000-0000-7000-8000-000000000001"
    private static let scope = JSON.string("things \(id)")
    private static let schema = JSONSchema.object(required: ["id": .string, "kind": .string])
    private static let filters: [ListQuery.Filter] = [
        .text("kind", "kind", fitting: .string(enum: ["a", "b"])), .id("owner", "owner"), .boolean("open", "open"),
    ]

    private static func context(_ query: String, userID: String = id) throws -> Context {
        let services = try TestServices().make()
        let account = Account(
            id: userID, email: nil, username: "ann", name: nil, age: nil, role: .client,
            createdAt: "2026-01-01T00:00:00.000Z")
        let connection = Connection(try PostgresConfiguration("host=/nonexistent"))
        return Context(
            call: Call(Request(method: "GET", target: "/things?\(query)"), services: services),
            endpoint: try #require(Routes.all.first), parameters: [],
            query: try #require(FormFields(parsing: query[...])), body: .empty, input: .null,
            caller: Principal(account: account, credential: .session(id: id), credits: Credits(balance: 0, held: 0)),
            idempotencyKey: nil, connection: connection, audit: AuditTrail(from: "", on: connection),
            now: 0)
    }

    private static let orders = [ListQuery.Order(name: "rank", column: "number / 3")]

    private static func list(_ query: String, of list: String = "things", userID: String = id) throws -> ListQuery {
        try context(query, userID: userID).page(of: list, filters: filters, orders: orders, schema: schema)
    }

    @Test(arguments: [
        "", "limit=1", "limit=100", "sort=created_at", "sort=-created_at", "sort=rank", "sort=-rank", "fields=id",
        "fields=kind,id", "kind=a",
        "owner=0190163d-8694-739b-aea5-966c26f8ad91", "open=true",
        "open=false&kind=b&limit=5&sort=created_at&fields=id",
    ])
    func takes(query: String) throws {
        _ = try Self.list(query)
    }

    @Test(arguments: [
        "limit=0", "limit=-1", "limit=101", "limit=1000000000", "limit=abc", "limit=", "limit=5.0", "limit=0x5",
        "limit=99999999999999999999", "limit=%20%205", "sort=id", "sort=", "sort=created_at,id", "sort=-",
        "sort=--rank", "fields=",
        "fields=id,", "fields=id,kind,id",
        "fields=password_hash", "fields=ID", "fields=id, kind", "kind=c", "kind=", "kind=A", "owner=5",
        "owner=' OR 1=1",
        "open=1", "open=TRUE", "cursor=", "cursor=abc", "cursor=!!!", "cursor=W10",
    ])
    func refuses(query: String) {
        let problem = #expect(throws: Problem.self) { _ = try Self.list(query) }
        #expect(problem?.status == .badRequest)
    }

    /// The cursor after a first item.
    private func cursor(
        of list: String = "things", by sort: String = "created_at", userID: String = id, value: Int64 = 1_000_000
    ) throws -> String {
        let query = try Self.list("limit=1&sort=\(sort)", of: list, userID: userID)
        let position = ListQuery.Position(value: value, id: Self.id)
        let page = try JSON(parsing: query.page([(position, ["id": 1]), (position, ["id": 2])]).bytes)
        return try #require(page["next_cursor"]?.stringValue)
    }

    @Test func takesItsOwnCursorOnly() throws {
        _ = try Self.list("cursor=\(cursor())")
        _ = try Self.list("sort=-rank&cursor=\(cursor(by: "rank", value: .max))")
        let foreigners = [
            try cursor(of: "others"), try cursor(userID: "00000000-0000-7000-8000-000000000002"),
            try cursor(by: "rank"),
            try cursor(value: 4_102_444_800_000_001),
        ]
        for foreign in foreigners {
            let problem = #expect(throws: Problem.self) { _ = try Self.list("cursor=\(foreign)") }
            #expect(problem?.code == "invalid_cursor")
        }
    }

    @Test(
        arguments: [
            ["things", 1, .string(id)], [scope, 1], [scope, -1, .string(id)], [scope, 1.5, .string(id)],
            [scope, .integer(.max), .string(id)], [scope, 1, "'; DROP TABLE users; --"],
            [scope, 1, .string(id), 1], [:], nil,
        ] as [JSON])
    func refusesForgedCursors(parts: JSON) {
        let problem = #expect(throws: Problem.self) {
            _ = try Self.list("cursor=\(Base64URL.encode(parts.serialized()))")
        }
        #expect(problem?.code == "invalid_cursor")
    }

    @Test func aPageHasTheFieldsThatWereAskedFor() throws {
        let position = ListQuery.Position(createdAtMicroseconds: 0, id: Self.id)
        let item: JSON = ["id": 1, "kind": "a", "size": 3]
        #expect(
            try JSON(parsing: Self.list("fields=kind,id").page([(position, item)]).bytes)
                == ["items": [["id": 1, "kind": "a"]], "next_cursor": nil])
        #expect(try JSON(parsing: Self.list("").page([]).bytes) == ["items": [], "next_cursor": nil])
    }

    /// Pages of every size hold each row once, in order, also where many were made at one instant.
    @Test(arguments: [1, 2, 3, 7, 24, 25, 100], ["created_at", "-created_at", "rank", "-rank"])
    func pagesFollowOneAnother(limit: Int, sort: String) throws {
        let connection = try Self.things.get().connect()
        var seen: [Int] = []
        var cursor: String?
        repeat {
            let query = try Self.list("limit=\(limit)&sort=\(sort)&kind=a" + (cursor.map { "&cursor=\($0)" } ?? ""))
            let rows = try connection.query(
                """
                SELECT number, id, \(query.position(created: "created_at")) FROM things
                WHERE true \(query.clauses(created: "created_at", id: "id"))
                """)
            let page = query.page(
                try rows.map { row in
                    let (number, id, value) = try row.decode(Int.self, String.self, Int64.self)
                    return (ListQuery.Position(value: value, id: id), ["id": JSON(number)])
                })
            let body = try JSON(parsing: page.bytes)
            let items = try #require(body["items"]?.arrayValue)
            #expect(items.count <= limit)
            seen += items.compactMap { $0["id"]?.integerValue.map(Int.init) }
            cursor = body["next_cursor"]?.stringValue
        } while cursor != nil && seen.count < 100
        #expect(seen == (sort.hasPrefix("-") ? Array((1...25).reversed()) : Array(1...25)))
    }

    /// 25 rows of kind `a` at nine instants, and as many of kind `b`.
    private static let things = Result {
        let database = try TestDatabase.make(isMigrated: false)
        try database.connect().execute(
            unsafeScript: """
                CREATE TABLE things (number int, id uuid, created_at timestamptz, kind text);
                INSERT INTO things
                SELECT n, lpad(n::text, 32, '0')::uuid, '2026-01-01 00:00:00.123456Z'::timestamptz + n / 3 * interval '1 us',
                    kind
                FROM generate_series(1, 25) n, (VALUES ('a'), ('b')) kinds (kind);
                """)
        return database
    }
}
