import HTTP
import JSON
import TestSupport
import Testing

@testable import App

/// Resources of one user are not found by another user.
@Suite struct OwnerTests {
    private let application: TestApplication
    private let owner: TestUser
    private let stranger: TestUser

    init() throws {
        application = try TestApplication()
        owner = try application.makeUser()
        stranger = try application.makeUser()
    }

    /// Creates a resource of the owner, and returns its id.
    private func make(_ target: String, _ body: JSON, id: String = "id") throws -> String {
        let made = try application.post(target, body, token: owner.token, headers: [("Prefer", "wait=0")])
        guard let id = made[id].stringValue else { throw TestFailure("not created: \(made.text)") }
        return id
    }

    /// Checks that the owner can read the resource, and that a stranger can neither read nor change it.
    private func expectHidden(
        _ target: String, _ writes: [(method: String, suffix: String, body: JSON?)],
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let before = try application.get(target, token: owner.token)
        #expect(before.status == 200, "\(target) \(before.text)", sourceLocation: sourceLocation)
        expectProblem(
            try application.get(target, token: stranger.token), 404, "not_found", target, sourceLocation: sourceLocation
        )
        for (method, suffix, body) in writes {
            let answer = try application.send(method, target + suffix, body, token: stranger.token)
            expectProblem(answer, 404, "not_found", "\(method) \(target)\(suffix)", sourceLocation: sourceLocation)
        }
        let after = try application.get(target, token: owner.token)
        #expect(after.body == before.body, sourceLocation: sourceLocation)
    }

    @Test func postsAreHiddenFromStrangers() throws {
        let draft: JSON = ["title": "a", "content": "b", "published": false]
        try expectHidden(
            "/posts/\(make("/posts", draft))", [("PUT", "", draft), ("PATCH", "", ["title": "c"]), ("DELETE", "", nil)])
        let open = "/posts/\(try make("/posts", ["title": "a", "content": "b"]))"
        #expect(try application.get(open, token: stranger.token).status == 200)
        expectProblem(try application.send("DELETE", open, token: stranger.token), 403, "forbidden")
        expectProblem(try application.send("PATCH", open, ["title": "c"], token: stranger.token), 403, "forbidden")
        #expect(try application.get(open, token: owner.token)["title"] == "a")
    }

    @Test func documentsAreHiddenFromStrangers() throws {
        #expect(try application.send("PUT", "/api/data/x", ["value": 1], token: owner.token).status == 200)
        try expectHidden("/api/data/x", [("DELETE", "", nil)])
        #expect(try application.get("/api/data", token: stranger.token)["items"] == [])
        #expect(try application.send("PUT", "/api/data/x", ["value": 2], token: stranger.token).status == 200)
        #expect(try application.get("/api/data/x", token: owner.token)["value"] == 1)
    }

    @Test func workflowsAreHiddenFromStrangers() throws {
        let workflow = "/api/workflows/\(try make("/api/workflows", .workflow("a")))"
        try expectHidden(
            workflow,
            [("PUT", "", .workflow("b")), ("POST", "/execute", [:]), ("GET", "/export", nil), ("DELETE", "", nil)])
        #expect(try application.get("/api/workflows", token: stranger.token)["items"] == [])
        let runs = try application.get("\(workflow)/executions", token: stranger.token)
        #expect(runs.status == 404 || runs["items"] == [], "\(runs.text)")
    }

    @Test func executionsAreHiddenFromStrangers() throws {
        let run = "/api/executions/\(try make("/flow-manager", .flow([.task("a", "approval")])))"
        try expectHidden(
            run,
            [
                ("POST", "/cancel", [:]), ("POST", "/signal", ["step": 1, "approved": true]), ("POST", "/resume", [:]),
                ("POST", "/fork", ["step": 1]), ("DELETE", "", nil),
            ])
        #expect(try application.get("/api/executions", token: stranger.token)["items"] == [])
    }

    @Test func recordsAreHiddenFromStrangers() throws {
        let run = try application.post("/api/operations/addition/run", ["arguments": [1, 2]], token: owner.token)
        #expect(run.status == 200, "\(run.text)")
        let record = try #require(
            try application.get("/api/records", token: owner.token)["items"].each("id").first?.stringValue)
        try expectHidden("/api/records/\(record)", [])
        #expect(try application.get("/api/records", token: stranger.token)["items"] == [])
    }

    @Test func credentialsAreHiddenFromStrangers() throws {
        let draft: JSON = ["name": "c", "value": "long enough", "hosts": ["example.org"]]
        let credential = "/api/credentials/\(try make("/api/credentials", draft))"
        try expectHidden(credential, [("PUT", "", draft), ("DELETE", "", nil)])
        #expect(try application.get("/api/credentials", token: stranger.token)["items"] == [])
    }

    @Test func keysAndSessionsAreHiddenFromStrangers() throws {
        let key = try make("/api/keys", ["name": "k"])
        let session = try #require(
            try application.get("/api/sessions", token: owner.token)["items"].each("id").first?.stringValue)
        for target in ["/api/keys/\(key)", "/api/sessions/\(session)"] {
            expectProblem(try application.send("DELETE", target, token: stranger.token), 404, "not_found", target)
        }
        #expect(try application.get("/api/keys", token: owner.token)["items"].each("id") == [.string(key)])
        #expect(try application.get("/me", token: owner.token).status == 200)
        #expect(try application.get("/api/keys", token: stranger.token)["items"] == [])
        let sessions = try application.get("/api/sessions", token: stranger.token)["items"].each("id")
        #expect(!sessions.contains(.string(session)))
    }
}
