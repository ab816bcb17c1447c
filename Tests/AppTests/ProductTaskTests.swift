import Flows
import JSON
import Postgres
import TestSupport
import Testing

@testable import App

/// The tasks that do what calls of the product do.
@Suite struct ProductTaskTests {
    private static let otherID = "00000000-0000-7000-8000-000000000002"

    private let database: TaskDatabase

    init() throws {
        database = try TaskDatabase()
        try database.addUser(Self.otherID)
    }

    private func create(_ draft: JSON, as userID: String? = nil) throws -> JSON {
        let post = try run(PostCreation(), on: draft, with: database, as: userID)
        #expect(PostCreation().output.violations(in: post) == [])
        return post
    }

    private func posts() throws -> [String] {
        try database.connection.query("SELECT title FROM posts ORDER BY title").map { try $0.decode(String.self) }
    }

    @Test func createsAndChangesAPost() throws {
        let post = try create(["title": "First", "content": "Text"])
        #expect(post["user_id"] == .string(database.userID) && post["published"] == true)
        let changed = try run(
            PostUpdate(), on: ["id": post["id"] ?? nil, "title": "{{ $.title }}", "published": false],
            seeing: ["title": "Second"], with: database)
        #expect(changed["title"] == "Second" && changed["content"] == "Text" && changed["published"] == false)
        #expect(PostUpdate().output.violations(in: changed) == [])
        #expect(try posts() == ["Second"])
    }

    @Test(
        arguments: [
            ["title": "a"], ["title": "", "content": "b"], ["title": "a", "content": "b", "user_id": "x"],
            ["title": "a", "content": "x\u{0}"],
            ["title": .string(String(repeating: "a", count: 301)), "content": "b"],
        ] as [JSON])
    func refusesWhatTheCallRefuses(draft: JSON) throws {
        let failure = #expect(throws: TaskFailure.self) { try create(draft) }
        #expect(failure?.code == "invalid_input")
        #expect(try posts() == [])
    }

    /// Not even for an admin: a run may have been started by an API key that has no admin rights.
    @Test func changesOnlyPostsOfItsUser() throws {
        try database.database.connect().execute("UPDATE users SET role = 'admin' WHERE id = \(database.userID)")
        for (isPublished, code) in [(true, "forbidden"), (false, "not_found")] {
            let post = try create(["title": "a", "content": "b", "published": .bool(isPublished)], as: Self.otherID)
            let failure = #expect(throws: TaskFailure.self) {
                try run(PostUpdate(), on: ["id": post["id"] ?? nil, "title": "taken"], with: database)
            }
            #expect(failure?.code == code)
        }
        let missing = #expect(throws: TaskFailure.self) {
            try run(PostUpdate(), on: ["id": .string(Self.otherID), "title": "b"], with: database)
        }
        #expect(missing?.code == "not_found")
        #expect(try posts() == ["a", "a"])
    }

    @Test func readsTheBalance() throws {
        #expect(try run(CreditBalance(), on: nil, with: database) == ["balance": 0, "held": 0])
        try WelcomeCredits.give(20, to: database.userID, on: database.connection)
        #expect(try run(CreditBalance(), on: [:], with: database) == ["balance": 20, "held": 0])
        #expect(try run(CreditBalance(), on: [:], with: database, as: Self.otherID) == ["balance": 0, "held": 0])
    }
}

/// The same tasks in flows.
@Suite struct ProductFlowTests {
    let application: TestApplication
    let user: TestUser

    init() throws {
        application = try TestApplication()
        user = try application.makeUser()
    }

    /// The post, the steps and the end of the run are one commit; the effect of a later step that fails is rolled back.
    @Test func aFlowCreatesAndChangesAPost() throws {
        let run = try application.post(
            "/flow-manager",
            .chain([
                .task("credits", "credits.balance"),
                .task(
                    "write", "posts.create",
                    ["title": "Balance", "content": "Now {{ $.tasks.credits.output.balance }}"]),
                .task("publish", "posts.update", ["id": "{{ $.tasks.write.output.id }}", "title": "Changed"]),
            ]), token: user.token)
        #expect(run.status == 200, "\(run.text)")
        let post = try application.get("/posts/\(run["result"]["id"]?.stringValue ?? "")", token: user.token)
        #expect(post["title"] == "Changed" && post["content"] == "Now 20")
    }

    @Test func aFullUserStoresNoPost() throws {
        let quota = try TestApplication { $0.runLimits.storage = StorageQuota(user: 5_000, guest: 5_000) }
        let user = try quota.makeUser()
        let run = try quota.post(
            "/flow-manager",
            .chain([
                .task(
                    "write", "posts.create", ["title": "a", "content": .string(String(repeating: "x", count: 9_000))])
            ]), token: user.token)
        expectProblem(run, 413, "quota_exceeded")
        #expect(try quota.count("SELECT count(*) FROM posts") == 0)
    }
}
