import JSON
import TestSupport
import Testing

/// Access to posts: every user reads published posts; only the owner and admins read drafts and change posts.
@Suite struct PostAccessTests {
    let application: TestApplication
    let owner: TestUser
    let stranger: TestUser

    init() throws {
        application = try TestApplication()
        owner = try application.makeUser()
        stranger = try application.makeUser()
    }

    private func make(published: Bool, title: String = "a") throws -> String {
        let draft: JSON = ["title": .string(title), "content": "b", "published": .bool(published)]
        return try #require(try application.post("/posts", draft, token: owner.token)["id"].stringValue)
    }

    private static let writes: [(method: String, body: JSON?)] = [
        ("PATCH", ["title": "taken"]), ("PUT", ["title": "taken", "content": ""]), ("DELETE", nil),
    ]

    @Test func hidesDraftsFromStrangers() throws {
        let path = "/posts/\(try make(published: false))"
        expectProblem(try application.get(path, token: stranger.token), 404, "not_found")
        for (method, body) in PostAccessTests.writes {
            expectProblem(try application.send(method, path, body, token: stranger.token), 404, "not_found", method)
        }
        #expect(try application.get(path, token: owner.token)["title"] == "a")
    }

    @Test func strangersReadButDoNotChangePublishedPosts() throws {
        let path = "/posts/\(try make(published: true))"
        #expect(try application.get(path, token: stranger.token).status == 200)
        for (method, body) in PostAccessTests.writes {
            expectProblem(try application.send(method, path, body, token: stranger.token), 403, "forbidden", method)
        }
        #expect(try application.get(path, token: owner.token)["title"] == "a")
    }

    @Test func adminsReadAndChangeAllPosts() throws {
        let admin = try application.adminToken()
        let path = "/posts/\(try make(published: false))"
        #expect(try application.get(path, token: admin).status == 200)
        let changed = try application.send("PATCH", path, ["title": "moderated"], token: admin)
        #expect(changed.status == 200)
        #expect(changed["user_id"] == .string(owner.id))
        #expect(try application.send("DELETE", path, token: admin).status == 204)
    }

    @Test func aRefusalNamesWhatIsMissing() throws {
        let path = "/posts/\(try make(published: true))"
        let admin = try application.adminToken()
        let key = try application.post("/api/keys", ["name": "k", "scopes": ["read", "write"]], token: admin)["key"]
        for (token, missing) in [(stranger.token, "admins"), (key.stringValue, "scope 'admin'")] {
            let answer = try application.send("PATCH", path, ["title": "taken"], token: token)
            expectProblem(answer, 403, "forbidden")
            #expect(answer["message"].stringValue?.contains(missing) == true, "\(answer.text)")
        }
    }

    @Test func requiresAToken() throws {
        let id = try make(published: true)
        for (method, target) in [("GET", "/posts"), ("GET", "/posts/\(id)"), ("DELETE", "/posts/\(id)")] {
            expectChallenge(try application.send(method, target), "token_missing", "\(method) \(target)")
        }
        for (method, target) in [
            ("POST", "/posts"), ("POST", "/upload"), ("PATCH", "/posts/\(id)"), ("PUT", "/posts/\(id)"),
        ] {
            // Authentication comes before the body is read.
            expectChallenge(
                try application.send(method, target, ["nonsense": 1]), "token_missing", "\(method) \(target)")
        }
    }

    @Test func listsOnlyReadablePosts() throws {
        let drafts = try (0..<2).map { JSON.string(try make(published: false, title: "draft \($0)")) }
        let published = try (0..<3).map { JSON.string(try make(published: true, title: "post \($0)")) }
        func ids(_ query: String, _ reader: TestUser) throws -> [JSON] {
            try application.get("/posts?user_id=\(owner.id)&\(query)", token: reader.token)["items"].each("id")
        }
        #expect(try ids("limit=100", owner) == (drafts + published).reversed())
        #expect(try ids("sort=created_at", owner) == drafts + published)
        #expect(try ids("published=false", owner) == drafts.reversed())
        #expect(try ids("limit=100", stranger) == published.reversed())
        #expect(try ids("published=true", stranger) == published.reversed())
        #expect(try ids("published=false", stranger) == [])

        let firstPage = try application.get("/posts?user_id=\(owner.id)&fields=title&limit=2", token: stranger.token)
        #expect(firstPage["items"] == [["title": "post 2"], ["title": "post 1"]])
        let cursor = try #require(firstPage["next_cursor"].stringValue)
        let secondPage = try application.get(
            "/posts?user_id=\(owner.id)&fields=title&limit=2&cursor=\(cursor)", token: stranger.token)
        #expect(secondPage["items"] == [["title": "post 0"]])
        #expect(secondPage["next_cursor"] == .null)
        let all = try application.get("/posts?limit=100", token: stranger.token)["items"].each("id")
        #expect(!all.contains { drafts.contains($0) })
    }
}
