import HTTP
import JSON
import Postgres
import TestSupport
import Testing

/// Concurrent changes of workflows, and access to them.
@Suite struct WorkflowRaceTests {
    let stack: Stack
    let user: TestUser

    init() throws {
        stack = try Stack.shared.get()
        user = try stack.makeUser()
    }

    private func make() throws -> (path: String, tag: String) {
        let created = try stack.post("/api/workflows", .workflow("a"), token: user.token)
        return (try #require(created.headers["location"]), try #require(created.headers["etag"]))
    }

    /// Sends `count` calls at once.
    private func calls(
        _ count: Int64, _ headers: [(String, String)] = [], _ call: (Int64) -> (method: String, target: String, JSON)
    ) throws -> [HTTPAnswer] {
        let headers = headers + [("Content-Type", "application/json"), stack.bearer(user.token)]
        return try stack.client.exchange(
            atOnce: (0..<count).map { number in
                let (method, target, body) = call(number)
                return stack.client.message(method, target, headers: headers, body: body.serialized())
            })
    }

    private func versions(_ path: String) throws -> [JSON] {
        try stack.get("\(path)/versions?limit=100", token: user.token)["items"].each("version")
    }

    /// Of concurrent writers with the same `If-Match`, one succeeds and the others fail.
    @Test func oneOfManyConcurrentWritersSucceeds() throws {
        let (path, tag) = try make()
        let answers = try calls(12, [("If-Match", tag)]) { ("PUT", path, .workflow("b", giving: $0)) }
        #expect(answers.map(\.status).sorted() == [200] + Array(repeating: 412, count: 11))
        let winner = try #require(answers.first { $0.status == 200 })
        #expect(try stack.get(path, token: user.token).json == winner.json)
        #expect(try versions(path).count == 2)
    }

    /// Each change is based on the version before it: none is lost, and each response has its own version.
    @Test func versionNumbersHaveNoGaps() throws {
        let (path, _) = try make()
        let answers = try calls(24) { number in
            number.isMultiple(of: 4)
                ? ("POST", "\(path)/rollback", ["version": 1]) : ("PUT", path, .workflow("b", giving: number))
        }
        #expect(answers.allSatisfy { $0.status == 200 }, "\(answers.map(\.text))")
        let listed = try versions(path)
        #expect(listed == (1...Int64(listed.count)).reversed().map(JSON.integer))
        #expect(Set(listed).isSuperset(of: answers.map { $0["version"] }))
        let puts = answers.enumerated().filter { !$0.offset.isMultiple(of: 4) }
        #expect(Set(puts.map { $0.element["version"] }).count == puts.count)
        for (number, answer) in puts {
            let text = answer["version"].text
            let stored = try stack.get("\(path)/versions/\(text)", token: user.token)
            #expect(stored["flow"]["tasks"]?.each("input") == [.integer(Int64(number))])
            #expect(stored["flow"] == answer["flow"])
        }
    }

    /// Concurrent replacements and a deletion: the later change sees the result of the earlier one.
    @Test func deletedWorkflowIsNotReplaced() throws {
        let (path, _) = try make()
        let answers = try calls(8) { $0 == 3 ? ("DELETE", path, .null) : ("PUT", path, .workflow("b", giving: $0)) }
        #expect(answers[3].status == 204)
        #expect(answers.enumerated().allSatisfy { $0.offset == 3 || [200, 404].contains($0.element.status) })
        expectProblem(try stack.get(path, token: user.token), 404)
    }

    @Test func userCanStoreAtMostAThousandWorkflows() throws {
        let connection = stack.database.connect()
        try connection.pipeline([
            """
            INSERT INTO workflows (id, user_id, version)
            SELECT gen_random_uuid(), \(user.id), 1 FROM generate_series(1, 1000)
            """,
            """
            INSERT INTO workflow_versions (workflow_id, version, name, flow, created_at)
            SELECT id, 1, 'w', '{}', now() FROM workflows WHERE user_id = \(user.id)
            """,
        ])
        expectProblem(try stack.post("/api/workflows", .workflow("a"), token: user.token), 409, "too_many_workflows")
        try connection.execute(
            """
            UPDATE workflows SET deleted_at = now()
            WHERE id = (SELECT id FROM workflows WHERE user_id = \(user.id) LIMIT 1)
            """)
        let answers = try calls(20) { ("POST", "/api/workflows", .workflow("\($0)")) }
        #expect(answers.map(\.status).sorted() == [201] + Array(repeating: 409, count: 19))
        expectProblem(try stack.post("/api/workflows", .workflow("a"), token: user.token), 409, "too_many_workflows")
    }

    @Test func onlyTheOwnerAndAdminsHaveAccess() throws {
        let (path, _) = try make()
        let (stranger, admin) = (try stack.makeUser(), try stack.adminToken())
        #expect(try stack.get("/api/workflows?user_id=\(user.id)", token: stranger.token)["items"] == [])
        for target in [path, "\(path)/versions", "\(path)/versions/1", "\(path)/export"] {
            expectProblem(try stack.get(target, token: stranger.token), 404, "not_found", target)
            #expect(try stack.get(target, token: admin).status == 200, "\(target)")
        }
        #expect(try stack.get("/api/workflows?user_id=\(user.id)", token: admin)["items"].arrayValue?.count == 1)
        let changed = try stack.send("PUT", path, .workflow("mended"), token: admin)
        #expect(changed.status == 200 && changed["user_id"] == .string(user.id))
        #expect(try stack.get(path, token: user.token).json == changed.json)
        #expect(try stack.send("DELETE", path, token: admin).status == 204)

        let address = "127.\(Int.random(in: 1...255)).\(Int.random(in: 0...255)).\(Int.random(in: 1...254))"
        let guest = try stack.client.from(address).send("POST", "/api/guests")["token"].stringValue ?? ""
        let stored = try stack.post("/api/workflows", .workflow("of a guest"), token: guest)
        #expect(stored.status == 201)
        #expect(try stack.get("/api/workflows", token: guest)["items"].each("id") == [stored["id"]])
    }
}
