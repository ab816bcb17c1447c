import HTTP
import JSON
import TestSupport
import Testing

/// Input through nginx: one case of each kind. The other cases are tested in process (`AppTests`).
@Suite struct InputTests {
    let stack: Stack
    let user: TestUser

    init() throws {
        stack = try Stack.shared.get()
        user = try stack.makeUser()
    }

    private func post(_ path: String, _ body: [UInt8], as type: String = "application/json") throws -> HTTPAnswer {
        try stack.send("POST", path, headers: [stack.bearer(user.token), ("Content-Type", type)], body: body)
    }

    @Test func rejectsInvalidBodies() throws {
        expectProblem(try post("/posts", []), 400, "invalid_json")
        expectProblem(try post("/posts", [0xff, 0xfe, 0, 0]), 400, "invalid_json")
        expectProblem(try post("/posts", Array(#"{"title":"a","title":"b"}"#.utf8)), 400, "duplicate_name")
        expectProblem(try post("/posts", Array(#"{"title":"a"}"#.utf8)), 422, "validation_failed")
        expectProblem(try post("/posts", Array("{}".utf8), as: "text/plain"), 415, "unsupported_media_type")
        let largest = [UInt8](repeating: UInt8(ascii: "["), count: 1 << 20)
        expectProblem(try post("/posts", largest), 400, "invalid_json")
        expectProblem(try post("/posts", largest + [0]), 413, "content_too_large")
    }

    @Test(arguments: ["'; DROP TABLE users; --", "\r\nX-Injected: 1", "${7*7} {{ $.x }}", "Ω≈ç√ 😀 \u{202e}abc"])
    func textsAreStoredUnchanged(text: String) throws {
        let made = try stack.post("/posts", ["title": .string(text), "content": .string(text)], token: user.token)
        #expect(made.status == 201)
        #expect(made.headers["x-injected"] == nil)
        let read = try stack.get(try #require(made.headers["location"]), token: user.token)
        #expect(read["title"] == .string(text) && read["content"] == .string(text))
        let escaped = text.utf8.map { "%" + String(Int($0) + 256, radix: 16).dropFirst() }.joined()
        let named = try stack.send("PUT", "/api/data/\(escaped)", ["value": 1], token: user.token)
        #expect(named.status == (text.utf8.contains(0x0d) ? 400 : 200), "\(named.text)")
    }

    @Test func listsRejectUnknownParameters() throws {
        for query in ["limit=0", "sort=created_at%20DESC", "cursor=%00", "%ff=1", "user_id='%20OR%201=1", "limit=1;2"] {
            expectProblem(try stack.get("/posts?\(query)", token: user.token), 400, nil, query)
        }
    }

    @Test func invalidFlowsRunNoStep() throws {
        let flow = JSON.flow([.task("a", "calc.additon")])
        for path in ["/flow-manager", "/api/flows/validate"] {
            let answer = try stack.post(path, flow, token: user.token)
            expectProblem(answer, 422, "validation_failed", path)
            #expect(pointers(answer) == ["/flow/tasks/0/type"])
        }
        #expect(try stack.get("/api/executions", token: user.token)["items"] == [])
    }

    @Test func repeatedRequestsHaveOneEffect() throws {
        func make() throws -> HTTPAnswer {
            try stack.post(
                "/posts", ["title": "a", "content": "b"], token: user.token, headers: [("Idempotency-Key", "k")])
        }
        let first = try make()
        #expect(first.status == 201)
        // In any responder.
        for _ in 0..<6 {
            let again = try make()
            #expect(again.status == 201 && again.body == first.body)
            #expect(again.headers["idempotency-replayed"] == "true")
        }
        let query = "/posts?user_id=\(user.id)"
        #expect(try stack.get(query, token: user.token)["items"].arrayValue?.count == 1)
    }

    @Test func workflowsAreExportedAndImported() throws {
        let made = try stack.post("/api/workflows", .workflow("e\u{301}"), token: user.token)
        let exported = try stack.get("\(made.headers["location"] ?? "")/export", token: user.token)
        let other = try stack.makeUser()
        let imported = try stack.post("/api/workflows/import", exported.json, token: other.token)
        #expect(imported.status == 201 && imported["flow"] == made["flow"], "\(imported.text)")
        expectProblem(try stack.get(try #require(made.headers["location"]), token: other.token), 404, "not_found")
    }
}
