import Glibc
import HTTP
import JSON
import Postgres
import System
import TestSupport
import Testing

/// The program's own line for each request.
@Suite struct RequestLogTests {
    /// Shared, with few processes.
    private static let stack = Result { try Stack(settings: ["LOG_FORMAT": "json"]) }
    let stack: Stack

    init() throws { stack = try Self.stack.get() }

    /// The line of the request that `send` sends with a request id of its own.
    private func line(_ send: ((String, String)) throws -> HTTPAnswer) throws -> JSON {
        let id = "line-\(UInt64.random(in: 0...UInt64.max))"
        _ = try send(("X-Request-Id", id))
        var found: JSON?
        try stack.waitForLog {
            let lines = try stack.log.split(separator: "\n").map { try JSON(parsing: Array($0.utf8)) }
            let ours = lines.filter { $0["event"] == "request" && $0["request_id"] == .string(id) }
            #expect(ours.count < 2)
            found = ours.first
            return found != nil
        }
        return try #require(found)
    }

    @Test func saysWhoAskedWhatAndHowLongItTook() throws {
        let user = try stack.makeUser()
        let key = try stack.post("/api/keys", ["name": "k", "scopes": ["read"]], token: user.token)
        let token = try #require(key["key"].stringValue)
        let line = try line { try stack.get("/posts?limit=5", token: token, headers: [$0]) }
        #expect(line["method"] == "GET" && line["route"] == "/posts" && line["status"] == 200)
        #expect(line["user_id"] == .string(user.id) && line["key_id"] == key["id"])
        #expect(line["bytes_in"] == 0)
        #expect(try #require(line["bytes_out"]?.integerValue) > 10)
        #expect(try #require(line["duration_ms"]?.doubleValue) > 0)
        #expect((0..<10_000).contains(try #require(line["queue_ms"]?.doubleValue)))
        #expect(stack.processes.contains { Int64($0.id) == line["pid"]?.integerValue })
        #expect(!stack.log.contains("limit=5"))
    }

    @Test func namesTheTraceAndKeepsItWithTheRun() throws {
        let user = try stack.makeUser()
        let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
        let line = try line {
            try stack.post(
                "/flow-manager", .flow([.task("a", "pass")]), token: user.token, headers: [$0, ("traceparent", trace)])
        }
        #expect(line["status"] == 200 && line["trace_id"] == "0af7651916cd43dd8448eb211c80319c")
        let stored = try stack.database.connect().query(
            "SELECT traceparent FROM executions WHERE user_id = \(user.id)")
        #expect(try stored.only.decode(String?.self) == trace)
    }

    @Test func namesNoPathThatIsNoRoute() throws {
        let line = try line { try stack.get("/no-such-path-of-a-test", headers: [$0]) }
        #expect(line["status"] == 404 && line["route"] == nil && line["user_id"] == nil)
        #expect(!stack.log.contains("no-such-path-of-a-test"))
    }

    @Test func countsTheBytesOfABody() throws {
        let line = try line {
            try stack.post("/login", ["email": "a@example.com", "password": "p"], headers: [$0])
        }
        #expect(line["route"] == "/login" && line["status"] == 401)
        #expect(try #require(line["bytes_in"]?.integerValue) > 20)
    }
}
