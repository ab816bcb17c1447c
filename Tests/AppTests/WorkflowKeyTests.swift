import App
import Flows
import HTTP
import JSON
import TestSupport
import Testing

/// The key of a workflow, which addresses it wherever its id does.
@Suite struct WorkflowKeyTests {
    let application: TestApplication
    let user: TestUser

    init() throws {
        application = try TestApplication()
        user = try application.makeUser()
    }

    private func store(_ key: String, giving number: Int64 = 1, of other: TestUser? = nil) throws -> HTTPAnswer {
        try application.post(
            "/api/workflows", .workflow("a", giving: number, ["key": .string(key)]), token: (other ?? user).token)
    }

    /// Runs a flow of one task and returns the record.
    private func run(_ task: JSON) throws -> JSON {
        let answer = try application.post(
            "/flow-manager", .flow([task]), token: user.token, headers: [("Prefer", "wait=0")])
        try application.work()
        return try application.get(try #require(answer.headers["location"]), token: user.token).json
    }

    @Test func everyPathTakesTheKey() throws {
        let made = try store("nightly-2")
        #expect(made.status == 201 && made["key"] == "nightly-2", "\(made.text)")
        let path = "/api/workflows/nightly-2"
        #expect(try application.get(path, token: user.token).json == made.json)
        let changed = try application.send(
            "PUT", path, .workflow("b", ["key": "nightly-2"]), token: user.token,
            headers: [("If-Match", made.headers["etag"] ?? "")])
        #expect(changed["version"] == 2 && changed["id"] == made["id"], "\(changed.text)")
        #expect(try application.get("\(path)/versions", token: user.token)["items"].arrayValue?.count == 2)
        #expect(try application.get("\(path)/versions/1", token: user.token)["name"] == "a")
        #expect(try application.get("\(path)/export", token: user.token)["key"] == "nightly-2")
        #expect(try application.post("\(path)/rollback", ["version": 1], token: user.token)["version"] == 3)
        #expect(try application.send("DELETE", "\(path)/versions/2", token: user.token).status == 204)
        let run = try application.post("\(path)/execute", [:], token: user.token)
        #expect(run.status == 202, "\(run.text)")
        for list in ["\(path)/executions", "/api/executions?workflow_id=nightly-2"] {
            let items = try application.get(list, token: user.token)["items"].arrayValue
            #expect(items?.compactMap { $0["id"] } == [run["id"]], "\(list)")
        }
        #expect(try application.get("/api/workflows?key=nightly-2", token: user.token)["items"].arrayValue?.count == 1)
        #expect(try application.get("/api/executions?workflow_id=other", token: user.token)["items"] == [])
        #expect(try application.send("DELETE", path, token: user.token).status == 204)
        #expect(try application.get(path, token: user.token).status == 404)
    }

    @Test func stepsNameWorkflowsByTheirKeys() throws {
        _ = try store("child", giving: 7)
        let result = try run(.task("r", "flow.run", ["workflow": "child"]))
        #expect(result["status"] == "completed" && result["result"] == 7, "\(result.text)")
        let mapped = try run(.task("m", "map", ["workflow": "child", "items": [1, 2]]))
        #expect(mapped["result"] == [7, 7], "\(mapped.text)")
        let missing = try run(.task("r", "flow.run", ["workflow": "children"]))
        #expect(missing["error"]?["code"] == "workflow_not_found")
    }

    /// A program runs the same document in another account, where the keys name other workflows.
    @Test func keysAreThoseOfTheCallerAlsoOfAnAdmin() throws {
        let (other, admin) = (try application.makeUser(), try application.adminToken())
        let own = try store("same")
        #expect(try store("same", of: other).status == 201)
        #expect(try application.get("/api/workflows/same", token: user.token)["id"] == own["id"])
        #expect(try application.get("/api/workflows/same", token: admin).status == 404)
        let id = try #require(own["id"].stringValue)
        #expect(try application.get("/api/workflows/\(id)", token: admin).status == 200)
        #expect(try application.get("/api/executions?workflow_id=same", token: admin)["items"] == [])
    }

    @Test func aKeyIsUniqueUntilItsWorkflowIsDeleted() throws {
        let first = try store("one")
        expectProblem(try store("one"), 409, "key_taken")
        let second = try application.post("/api/workflows", .workflow("b"), token: user.token)
        let path = try #require(second.headers["location"])
        expectProblem(
            try application.send("PUT", path, .workflow("b", ["key": "one"]), token: user.token), 409, "key_taken")
        let exported = try application.get("/api/workflows/one/export", token: user.token)
        expectProblem(
            try application.post("/api/workflows/import", exported.json, token: user.token), 409, "key_taken")
        #expect(try application.send("DELETE", "/api/workflows/one", token: user.token).status == 204)
        let imported = try application.post("/api/workflows/import", exported.json, token: user.token)
        #expect(imported.status == 201 && imported["key"] == "one" && imported["id"] != first["id"])
        // A replacement without a key takes it away.
        _ = try application.send("PUT", "/api/workflows/one", .workflow("a"), token: user.token)
        #expect(try application.get("/api/workflows/one", token: user.token).status == 404)
        #expect(try application.get(try #require(imported.headers["location"]), token: user.token)["version"] == 1)
    }

    @Test(arguments: [
        "", "1a", "-a", "A", "a_b", "a b", "é", "a\u{0}", "versions", "import", "executions", "export", "null",
        String(repeating: "a", count: 64), "abcdef01-2345-6789-abcd-ef0123456789",
    ])
    func otherTextsAreRefused(key: String) throws {
        let answer = try store(key)
        expectProblem(answer, 422, "validation_failed")
        #expect(pointers(answer) == ["/key"], "\(answer.text)")
    }

    @Test(arguments: ["a", "a-", "a1-b2", String(repeating: "a", count: 63)]) func keysAreAccepted(key: String) throws {
        #expect(try store(key).status == 201)
        #expect(try application.get("/api/workflows/\(key)", token: user.token)["key"] == .string(key))
    }

    /// A key never hides another path, nor is hidden by one.
    @Test func everyWordOfAPathIsReserved() {
        let words = Routes.all.map(\.path).filter { $0.hasPrefix("/api/workflows/") }
            .flatMap { $0.split(separator: "/").dropFirst(2).map(String.init) }.filter { !$0.hasPrefix("{") }
        #expect(Set(words).isSubset(of: WorkflowKey.reserved) && words.contains("import"))
    }
}
