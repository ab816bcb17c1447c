import Crypto
import HTTP
import JSON
import TestSupport
import Testing

/// Queries and cursors that lists refuse.
@Suite struct BadInputListTests {
    let application: TestApplication
    let user: TestUser

    init() throws {
        application = try TestApplication()
        user = try application.makeUser()
    }

    @Test(arguments: [
        "/posts", "/api/executions", "/api/keys", "/api/credentials", "/api/sessions", "/api/users", "/api/audit",
        "/api/ledger",
        "/api/records",
    ])
    func refusesInvalidQueries(list: String) throws {
        let admin = try application.adminToken()
        let queries = [
            "limit=-1", "limit=0", "limit=101", "limit=1000000000", "limit=1e9", "limit=99999999999999999999",
            "limit=abc", "limit=+5", "limit=%2B5", "limit=05", "limit=%205", "limit=5.0", "limit=", "limit=1;2",
            "limit=1&limit=2", "sort=id", "sort=created_at%20DESC", "sort=",
            "fields=password_hash",
            "fields=id,,title", "fields=", "cursor=", "cursor=abc", "cursor=AAAA", "cursor=%00", "unknown=1", "=1",
            "%ff=1",
            "a%0ab=1", "id=1", "offset=5",
        ]
        for query in queries { expectProblem(try application.get("\(list)?\(query)", token: admin), 400, nil, query) }
    }

    @Test func refusesInvalidFilterValues() throws {
        for query in ["published=yes", "published=1", "user_id=1", "user_id='%20OR%201=1", "user_id=*"] {
            expectProblem(try application.get("/posts?\(query)", token: user.token), 400, nil, query)
        }
        for query in ["status=done", "status=COMPLETED", "status=completed'"] {
            expectProblem(try application.get("/api/executions?\(query)", token: user.token), 400, nil, query)
        }
        func list(statuses count: Int) throws -> HTTPAnswer {
            let statuses = Array(repeating: "failed", count: count).joined(separator: ",")
            return try application.get("/api/executions?status=\(statuses)", token: user.token)
        }
        #expect(try list(statuses: 10).status == 200)
        expectProblem(try list(statuses: 11), 400)
    }

    @Test func refusesCursorsOfOtherListsAndUsers() throws {
        for _ in 0..<2 {
            #expect(try application.post("/posts", ["title": "a", "content": "b"], token: user.token).status == 201)
            #expect(try application.post("/flow-manager", .demoFlow, token: user.token).status == 200)
        }
        let query = "limit=1&user_id=\(user.id)"
        let cursor = try #require(try application.get("/posts?\(query)", token: user.token)["next_cursor"].stringValue)
        let second = try application.get("/posts?\(query)&cursor=\(cursor)", token: user.token)
        #expect(second["items"].arrayValue?.count == 1)
        #expect(second["next_cursor"] == .null)

        expectProblem(try application.get("/api/executions?cursor=\(cursor)", token: user.token), 400, "invalid_cursor")
        let other = try application.makeUser()
        expectProblem(try application.get("/posts?cursor=\(cursor)", token: other.token), 400, "invalid_cursor")

        // A cursor is not signed: forged content must be harmless.
        let bytes = try #require(Base64URL.decode(cursor.utf8))
        let parts = try #require(try JSON(parsing: bytes).arrayValue)
        let forgeries: [[JSON]] = [
            [parts[0], parts[1], "' OR 1=1"], [parts[0], -1, parts[2]], [parts[0], .integer(.max), parts[2]],
            [parts[0], "0", parts[2]], [parts[0], 0.5, parts[2]], [parts[0]], [],
        ]
        for forgery in forgeries {
            let cursor = Base64URL.encode(JSON.array(forgery).serialized())
            expectProblem(try application.get("/posts?cursor=\(cursor)", token: user.token), 400, "invalid_cursor")
        }
    }

    @Test func hidesResourcesOfOtherUsers() throws {
        let owner = try application.makeUser()
        let draft: JSON = ["title": "a", "content": "b", "published": false]
        let post = try #require(try application.post("/posts", draft, token: owner.token).headers["location"])
        let public_ = try #require(
            try application.post("/posts", ["title": "a", "content": "b"], token: owner.token).headers["location"])
        let run = try #require(
            try application.post("/flow-manager", .demoFlow, token: owner.token)["execution_id"].stringValue)

        expectProblem(try application.get(post, token: user.token), 404)
        expectProblem(try application.get("/api/executions/\(run)", token: user.token), 404)
        expectProblem(try application.get("/api/data/result", token: user.token), 404)
        for (method, body) in [("PUT", draft), ("PATCH", ["title": "c"]), ("DELETE", nil)] as [(String, JSON?)] {
            expectProblem(try application.send(method, post, body, token: user.token), 404, nil, method)
            expectProblem(try application.send(method, public_, body, token: user.token), 403, nil, method)
        }
        #expect(try application.get(post, token: owner.token)["title"] == "a")
        #expect(try application.get(public_, token: owner.token)["title"] == "a")
    }
}
