import HTTP
import JSON
import TestSupport
import Testing

/// Posts: create, read, update, delete, versions.
@Suite struct PostTests {
    let stack: Stack
    let user: TestUser

    init() throws {
        stack = try Stack.shared.get()
        user = try stack.makeUser()
    }

    private func make(_ draft: JSON, at path: String = "/posts") throws -> HTTPAnswer {
        let answer = try stack.post(path, draft, token: user.token)
        try #require(answer.status == 201, "\(answer.text)")
        return answer
    }

    @Test(arguments: ["/posts", "/upload"])
    func createsAPostAndReturnsItsLocation(path: String) throws {
        let created = try make(["title": "Title", "content": "Content"], at: path)
        let location = try #require(created.headers["location"])
        #expect(location == "/posts/\(try #require(created["id"].stringValue))")
        #expect(created.json.names == ["id", "user_id", "title", "content", "published", "created_at", "updated_at"])
        #expect(created["user_id"] == .string(user.id))
        #expect(created["published"] == true)
        let read = try stack.get(location, token: user.token)
        #expect(read.status == 200)
        #expect(read.json == created.json)
        #expect(read.headers["etag"] == created.headers["etag"])
    }

    @Test func replacesUpdatesAndDeletes() throws {
        let created = try make(["title": "a", "content": "b", "published": false])
        let path = "/posts/\(created["id"].stringValue ?? "")"
        let changed = try stack.send("PATCH", path, ["title": "c"], token: user.token)
        #expect(changed.status == 200)
        #expect([changed["title"], changed["content"], changed["published"]] == ["c", "b", false])
        // A replacement sets omitted fields to their defaults.
        let replaced = try stack.send("PUT", path, ["title": "d", "content": ""], token: user.token)
        #expect(replaced.status == 200)
        #expect([replaced["title"], replaced["content"], replaced["published"]] == ["d", "", true])
        #expect(replaced["created_at"] == created["created_at"])
        #expect(try stack.get(path, token: user.token).json == replaced.json)
        expectProblem(try stack.send("PUT", path, ["title": "only"], token: user.token), 422, "validation_failed")

        let deleted = try stack.send("DELETE", path, token: user.token)
        #expect(deleted.status == 204)
        #expect(deleted.body.isEmpty)
        for method in ["GET", "DELETE"] {
            expectProblem(try stack.send(method, path, token: user.token), 404, "not_found")
        }
        expectProblem(try stack.send("PATCH", path, ["title": "x"], token: user.token), 404, "not_found")
    }

    @Test func supportsConditionalRequests() throws {
        let created = try make(["title": "a", "content": "b"])
        let path = "/posts/\(created["id"].stringValue ?? "")"
        let first = try #require(created.headers["etag"])
        for known in [first, "*", "\"other\", \(first)", "W/\(first)"] {
            let same = try stack.get(path, token: user.token, headers: [("If-None-Match", known)])
            #expect(same.status == 304, "\(known)")
            #expect(same.body.isEmpty)
            #expect(same.headers["etag"] == first)
        }
        let changed = try stack.send("PATCH", path, ["title": "c"], token: user.token, headers: [("If-Match", first)])
        #expect(changed.status == 200)
        let second = try #require(changed.headers["etag"])
        #expect(second != first)
        #expect(try stack.get(path, token: user.token, headers: [("If-None-Match", first)]).status == 200)
        let calls: [(String, JSON?)] = [
            ("PATCH", ["title": "x"]), ("PUT", ["title": "x", "content": "x"]), ("DELETE", nil),
        ]
        for (method, body) in calls {
            let stale = try stack.send(method, path, body, token: user.token, headers: [("If-Match", first)])
            expectProblem(stale, 412, "version_mismatch", method)
        }
        #expect(try stack.get(path, token: user.token).json == changed.json)
        #expect(try stack.send("DELETE", path, token: user.token, headers: [("If-Match", "*")]).status == 204)
    }

    /// Of concurrent writers with the same `If-Match`, one succeeds and the others fail.
    @Test func oneOfManyConcurrentWritersSucceeds() throws {
        let created = try make(["title": "a", "content": "b"])
        let headers = [
            ("If-Match", created.headers["etag"] ?? ""), ("Content-Type", "application/json"), stack.bearer(user.token),
        ]
        let answers = try stack.client.exchange(
            atOnce: (0..<12).map { number in
                stack.client.message(
                    "PATCH", "/posts/\(created["id"].stringValue ?? "")", headers: headers,
                    body: JSON(dictionaryLiteral: ("title", .string("\(number)"))).serialized())
            })
        #expect(answers.map(\.status).sorted() == [200] + Array(repeating: 412, count: 11))
    }

    @Test func refusesInvalidAndReadOnlyFields() throws {
        let path = "/posts/\(try make(["title": "a", "content": "b"])["id"].stringValue ?? "")"
        for field in ["user_id", "role", "id", "created_at", "version"] {
            let value: JSON = "another value"
            let calls: [(String, String, JSON)] = [
                ("POST", "/posts", ["title": "a", "content": "b", field: value]), ("PATCH", path, [field: value]),
                ("PUT", path, ["title": "a", "content": "b", field: value]),
            ]
            for (method, target, body) in calls {
                let answer = try stack.send(method, target, body, token: user.token)
                expectProblem(answer, 422, "validation_failed", "\(method) \(field)")
                #expect(pointers(answer) == ["/\(field)"])
            }
        }
        let wrong: [JSON] = [
            ["content": "b"], ["title": "", "content": "b"], ["title": "a", "content": .null],
            ["title": 1, "content": "b"],
            ["title": .string(String(repeating: "t", count: 301)), "content": "b"],
            ["title": "a", "content": "b", "published": "yes"],
        ]
        for draft in wrong {
            expectProblem(try stack.post("/posts", draft, token: user.token), 422, "validation_failed", draft.text)
        }
    }

    /// Text is never interpreted as SQL, a header line or markup.
    @Test func storesAnyTextUnchanged() throws {
        let texts = [
            "' OR 1=1 --", "a\r\nSet-Cookie: x=y", "<script>", "%s \\ \" \u{1}", "e\u{301} 👩‍👩‍👧 \u{202E}", "$1 {{x}}",
        ]
        for text in texts {
            let created = try make(["title": .string(text), "content": .string(text)])
            #expect(created["title"] == .string(text))
            #expect(created.headers["set-cookie"] == nil)
            let path = try #require(created.headers["location"])
            #expect(try stack.get(path, token: user.token)["content"] == .string(text))
        }
        let answer = try stack.post("/posts", ["title": "a\u{0}b", "content": "c"], token: user.token)
        expectProblem(answer, 422)
    }
}
