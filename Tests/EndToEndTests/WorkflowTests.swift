import HTTP
import JSON
import Postgres
import TestSupport
import Testing

/// Workflows: create, read, replace, delete, versions.
@Suite struct WorkflowTests {
    let stack: Stack
    let user: TestUser

    init() throws {
        stack = try Stack.shared.get()
        user = try stack.makeUser()
    }

    private func make(_ draft: JSON) throws -> (path: String, answer: HTTPAnswer) {
        let answer = try stack.post("/api/workflows", draft, token: user.token)
        try #require(answer.status == 201, "\(answer.text)")
        return (try #require(answer.headers["location"]), answer)
    }

    private func save(
        _ path: String, _ draft: JSON, ifMatch tag: String? = nil, method: String = "PUT"
    ) throws -> HTTPAnswer {
        try stack.send(method, path, draft, token: user.token, headers: tag.map { [("If-Match", $0)] } ?? [])
    }

    private func versions(_ path: String, _ query: String = "limit=100") throws -> JSON {
        try stack.get("\(path)/versions?\(query)", token: user.token)["items"]
    }

    @Test func createsAWorkflowAndReturnsItsLocation() throws {
        let draft = JSON.workflow("Sums", ["description": "Adds up", "concurrency": 1_000])
        let (path, created) = try make(draft)
        #expect(path == "/api/workflows/\(created["id"].stringValue ?? "")")
        #expect(
            created.json.names == [
                "id", "user_id", "key", "name", "description", "version", "concurrency", "priority", "max_queued",
                "created_at", "updated_at",
                "flow", "input_schema", "on_end",
            ])
        #expect(created["user_id"] == .string(user.id) && created["version"] == 1)
        for name in draft.names { #expect(created[name] == draft[name], "\(name)") }
        let read = try stack.get(path, token: user.token)
        #expect(read.status == 200)
        #expect(read.json == created.json)
        #expect(read.headers["etag"] == created.headers["etag"])
        let same = try stack.get(path, token: user.token, headers: [("If-None-Match", read.headers["etag"] ?? "")])
        #expect(same.status == 304 && same.body.isEmpty)

        let minimal = try make(.workflow("Sums")).answer
        #expect(minimal["description"] == .null && minimal["concurrency"] == .null, "names need not be unique")
    }

    @Test func changedContentIsANewVersion() throws {
        let (path, created) = try make(.workflow("a", giving: 1, ["description": "d", "concurrency": 2]))
        let saved = try save(path, .workflow("b", giving: 2))
        #expect(saved.status == 200, "\(saved.text)")
        #expect(saved["version"] == 2 && saved["created_at"] == created["created_at"])
        #expect(saved["description"] == .null && saved["concurrency"] == .null, "omitted fields become null")
        #expect(saved.headers["etag"] != created.headers["etag"])
        #expect(try stack.get(path, token: user.token).json == saved.json)

        let first = try stack.get("\(path)/versions/1", token: user.token)
        #expect(first.status == 200)
        #expect(first.json.names == ["version", "name", "description", "created_at", "flow", "input_schema"])
        #expect(first["name"] == "a" && first["description"] == "d" && first["flow"] == created["flow"])
        #expect(
            try versions(path, "fields=version,name") == [["version": 2, "name": "b"], ["version": 1, "name": "a"]],
            "the newest first")
        #expect(try versions(path, "sort=created_at&limit=1&fields=version") == [["version": 1]])
        for number in ["0", "3", "01", "+1", "-1", "1.0", "x", "99999999999", "2147483648"] {
            expectProblem(try stack.get("\(path)/versions/\(number)", token: user.token), 404, "not_found", number)
        }
    }

    /// A program that puts the same workflows at each start creates no versions.
    @Test func unchangedContentIsNotANewVersion() throws {
        let draft = JSON.workflow("e\u{301}", giving: 1, ["concurrency": 2])
        let (path, created) = try make(draft)
        let repeated = try save(path, draft)
        #expect(repeated.status == 200)
        #expect(repeated.json == created.json)
        #expect(repeated.headers["etag"] == created.headers["etag"])
        // The concurrency applies to all versions. A change of it makes no new version, but changes the entity tag.
        let changed = try save(path, .workflow("e\u{301}", giving: 1, ["concurrency": 3]))
        #expect(changed["version"] == 1 && changed["concurrency"] == 3)
        #expect(changed.headers["etag"] != created.headers["etag"])
        #expect(try versions(path).each("version") == [1])
        // The same letter in another Unicode normalization.
        #expect(try save(path, .workflow("\u{e9}", giving: 1, ["concurrency": 3]))["version"] == 2)
    }

    @Test func rollbackCreatesANewVersion() throws {
        let (path, created) = try make(.workflow("a", giving: 1, ["description": "d", "concurrency": 2]))
        _ = try save(path, .workflow("b", giving: 2, ["concurrency": 3]))
        let restored = try save("\(path)/rollback", ["version": 1], method: "POST")
        #expect(restored.status == 200, "\(restored.text)")
        #expect(restored["version"] == 3 && restored["concurrency"] == 3)
        for name in ["name", "description", "flow"] { #expect(restored[name] == created[name], "\(name)") }
        #expect(try versions(path).each("name") == ["a", "b", "a"])
        let repeated = try save("\(path)/rollback", ["version": 1], method: "POST")
        #expect(repeated.json == restored.json, "the content is unchanged")
        #expect(repeated.headers["etag"] == restored.headers["etag"])
        for body in [["version": 4], ["version": 0], [:]] as [JSON] {
            let answer = try save("\(path)/rollback", body, method: "POST")
            expectProblem(answer, 422, "validation_failed", body.text)
            #expect(pointers(answer) == ["/version"])
        }
    }

    /// For example, a version with a task type that has been removed.
    @Test func rollbackToAnInvalidVersionIsRefused() throws {
        let (path, created) = try make(.workflow("a"))
        try stack.database.connect().pipeline([
            """
            INSERT INTO workflow_versions
            SELECT workflow_id, 2, name, NULL, replace(flow::text, 'pass', 'gone')::json, now() FROM workflow_versions
            WHERE workflow_id = \(optional: created["id"].stringValue)
            """,
            "UPDATE workflows SET version = 2 WHERE id = \(optional: created["id"].stringValue)",
        ])
        #expect(try save(path, .workflow("b"))["version"] == 3)
        let answer = try save("\(path)/rollback", ["version": 2], method: "POST")
        expectProblem(answer, 422, "validation_failed")
        #expect(pointers(answer) == ["/flow/tasks/0/type"])
        #expect(try stack.get("\(path)/versions/2", token: user.token).status == 200)
    }

    @Test func changesNeedTheCurrentEntityTag() throws {
        let (path, created) = try make(.workflow("a"))
        let first = try #require(created.headers["etag"])
        let saved = try save(path, .workflow("b"), ifMatch: first)
        #expect(saved.status == 200)
        let calls: [(method: String, target: String, body: JSON?)] = [
            ("PUT", path, .workflow("c")), ("PUT", path, .workflow("b")),
            ("POST", "\(path)/rollback", ["version": 1]), ("DELETE", path, nil),
        ]
        for tag in [first, "W/\(first)", "\"\"", "x"] {
            for call in calls {
                let stale = try stack.send(
                    call.method, call.target, call.body, token: user.token, headers: [("If-Match", tag)])
                expectProblem(stale, 412, "version_mismatch", "\(call.method) \(call.target) \(tag)")
            }
        }
        #expect(try stack.get(path, token: user.token).json == saved.json)
        let latest = saved.headers["etag"] ?? ""
        #expect(try save("\(path)/rollback", ["version": 1], ifMatch: "\"x\", \(latest)", method: "POST").status == 200)
        #expect(try stack.send("DELETE", path, token: user.token, headers: [("If-Match", "*")]).status == 204)
    }

    /// A deleted workflow is not found by any caller. Versions to which executions refer are kept.
    @Test func deletedWorkflowIsNotFoundAndItsUsedVersionsRemain() throws {
        let (path, created) = try make(.workflow("a"))
        let id = try #require(created["id"].stringValue)
        _ = try save(path, .workflow("b"))
        #expect(try stack.post("\(path)/execute", [:], token: user.token).status == 202)
        let deleted = try stack.send("DELETE", path, token: user.token)
        #expect(deleted.status == 204 && deleted.body.isEmpty)
        let admin = try stack.adminToken()
        for token in [user.token, admin] {
            for target in [path, "\(path)/versions", "\(path)/versions/1", "\(path)/export"] {
                expectProblem(try stack.get(target, token: token), 404, "not_found", target)
            }
            expectProblem(try stack.send("PUT", path, .workflow("c"), token: token), 404)
            expectProblem(try stack.send("DELETE", path, token: token), 404)
            expectProblem(try stack.post("\(path)/rollback", ["version": 1], token: token), 404)
            #expect(try stack.get("/api/workflows?user_id=\(user.id)", token: token)["items"] == [])
        }
        let audit = try stack.get("/api/audit?subject=\(id)", token: admin)["items"]
        #expect(audit.each("action") == ["workflow_deleted"] && audit.each("actor") == [.string(user.id)])
        let connection = stack.database.connect()
        let versionCount: SQL = "SELECT count(*) FROM workflow_versions WHERE workflow_id = \(id)"
        #expect(try connection.query(versionCount).only.decode(Int.self) == 1)
        let writes: [SQL] = [
            "UPDATE workflow_versions SET name = 'x' WHERE workflow_id = \(id)", "TRUNCATE workflow_versions",
            "DELETE FROM workflow_versions WHERE workflow_id = \(id)",
        ]
        for write in writes {
            let error = #expect(throws: PostgresError.self) { try connection.execute(write) }
            #expect(error?.sqlState == .insufficientPrivilege, "not even the owner of the table")
        }
    }

    @Test func listsTheCallersWorkflowsInPages() throws {
        let names = ["a", "b", "b", "c"]
        let ids = try names.map { try make(.workflow($0)).answer["id"] }
        func list(_ query: String) throws -> HTTPAnswer {
            try stack.get("/api/workflows?\(query)", token: user.token)
        }
        #expect(try list("")["items"].each("id") == ids.reversed())
        #expect(
            try list("limit=1")["items"].arrayValue?.first?.names == [
                "id", "user_id", "key", "name", "description", "version", "concurrency", "priority", "max_queued",
                "created_at", "updated_at",
            ])
        #expect(try list("name=b&sort=created_at")["items"].each("id") == [ids[1], ids[2]])
        #expect(try list("name=B")["items"] == [])
        let page = try list("fields=name,version&limit=3")
        #expect(page["items"].each("name") == ["c", "b", "b"])
        let cursor = try #require(page["next_cursor"].stringValue)
        #expect(try list("fields=name,version&cursor=\(cursor)")["items"] == [["name": "a", "version": 1]])
        let workflow = "/api/workflows/\(ids[0].stringValue ?? "")"
        for target in [
            "/api/workflows?limit=0", "/api/workflows?limit=1e9", "/api/workflows?limit=-1", "/api/workflows?cursor=x",
            "/api/workflows?name=", "/api/workflows?name=%00", "/api/workflows?fields=flow",
            "/api/workflows?version=1", "\(workflow)/versions?cursor=\(cursor)", "\(workflow)/versions?limit=abc",
            "\(workflow)/versions?name=a", "/posts?cursor=\(cursor)",
        ] {
            expectProblem(try stack.get(target, token: user.token), 400, nil, target)
        }
    }
}
