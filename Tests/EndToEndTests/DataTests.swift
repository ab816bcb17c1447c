import JSON
import Postgres
import TestSupport
import Testing

/// Documents: stored per user by name, and returned unchanged.
@Suite struct DataTests {
    let stack: Stack
    let user: TestUser

    init() throws {
        stack = try Stack.shared.get()
        user = try stack.makeUser()
    }

    private func put(_ name: String, _ value: JSON) throws -> HTTPAnswer {
        try stack.send("PUT", "/api/data/\(name)", ["value": value], token: user.token)
    }

    private func put(name: String = "n", bytes: String) throws -> HTTPAnswer {
        let headers = [stack.bearer(user.token), ("Content-Type", "application/json")]
        return try stack.client.send("PUT", "/api/data/\(name)", headers: headers, body: Array(bytes.utf8))
    }

    @Test func storesAndReplacesADocument() throws {
        expectProblem(try stack.get("/api/data/table", token: user.token), 404, "not_found")
        for value: JSON in [["b": 1, "a": [true, .null, "x"]], .null, [], 7] {
            let stored = try put("table", value)
            #expect(stored.status == 200)
            #expect(stored.json.names == ["name", "value", "updated_at"])
            #expect(stored["value"] == value)
            #expect(try stack.get("/api/data/table", token: user.token).json == stored.json)
        }
        #expect(try stack.get("/api/data", token: user.token)["items"].each("name") == ["table"])
        expectProblem(try stack.send("PUT", "/api/data/table", [:], token: user.token), 422, "validation_failed")
        let more = try stack.send("PUT", "/api/data/table", ["value": 1, "user_id": "x"], token: user.token)
        expectProblem(more, 422, "validation_failed")
        #expect(pointers(more) == ["/user_id"])
    }

    @Test func documentsBelongToOneUser() throws {
        let other = try stack.makeUser()
        #expect(try put("secret", "mine").status == 200)
        expectProblem(try stack.get("/api/data/secret", token: other.token), 404, "not_found")
        #expect(try stack.get("/api/data", token: other.token)["items"] == [])
        #expect(try stack.send("PUT", "/api/data/secret", ["value": "theirs"], token: other.token).status == 200)
        #expect(try stack.get("/api/data/secret", token: user.token)["value"] == "mine")
        expectChallenge(try stack.get("/api/data/secret"), "token_missing")
    }

    @Test func acceptsAnyNameThatAPathCanHold() throws {
        let names: [(path: String, name: String)] = [
            ("caf%C3%A9", "café"), ("%F0%9F%98%80", "😀"), ("a%20b", "a b"), ("a+b", "a+b"), ("a%2Bb", "a+b"),
            ("a%25b", "a%b"),
            ("a:b@c,d;e=f&g", "a:b@c,d;e=f&g"), ("...", "..."), ("'%20OR%201=1%20--", "' OR 1=1 --"),
            ("%3Cscript%3E", "<script>"),
            (String(repeating: "n", count: 128), String(repeating: "n", count: 128)),
            (String(repeating: "%C3%A9", count: 128), String(repeating: "é", count: 128)), ("%22%7B%7D", "\"{}"),
        ]
        for (path, name) in names {
            let stored = try put(path, .string(name))
            #expect(stored.status == 200, "\(path): \(stored.text)")
            #expect(stored["name"] == .string(name))
            #expect(try stack.get("/api/data/\(path)", token: user.token)["value"] == .string(name), "\(path)")
        }
        #expect(
            try stack.get("/api/data", token: user.token)["items"].arrayValue?.count == Set(names.map(\.name)).count)
        let refused = [
            String(repeating: "n", count: 129), "%00", "a%00b", "a%2Fb", "a%5Cb", "%FF", "%E9", "%", "a%0Ab",
            "a%C2%85b",
            "%2E", "%2E%2E",
        ]
        for path in refused {
            let answer = try put(path, 1)
            #expect([400, 404].contains(answer.status), "\(path): \(answer.status)")
        }
        for name in ["a/b", "a\\b", ".", "..", "a\nb", "a\u{85}b", String(repeating: "n", count: 129)] {
            let task = JSON.task("a", "data.store", ["name": "{{ $.input }}", "value": 1])
            let run = try stack.post("/flow-manager", .flow([task], input: .string(name)), token: user.token)
            #expect(
                run.status == 422 && run["executed_tasks"].each("error").first?["code"] == "invalid_input", "\(name)")
        }
        // Without a name the path is that of the list.
        expectProblem(try put("", 1), 405, "method_not_allowed")
    }

    /// Names that used to be permitted, and that no path can contain.
    @Test(
        arguments: [
            ("a/b", "a/b"), (".", "."), ("..", ".."), ("a\nb", "a%0Ab"), ("\u{1}\u{7f}", "%01%7F"), ("a\\b", "a%5Cb"),
            (String(repeating: "\u{1F600}", count: 200), String(repeating: "%F0%9F%98%80", count: 200)),
        ])
    func everyStoredDocumentCanBeReadAndDeleted(name: String, encoded: String) throws {
        try stack.database.connect().execute(
            "INSERT INTO documents (user_id, name, value) VALUES (\(user.id), \(name), '[7]')")
        let target = "/api/data?name=\(encoded)"
        let document = try stack.get(target, token: user.token)
        #expect(document["name"] == .string(name) && document["value"] == [7], "\(document.text)")
        #expect(try stack.get("/api/data", token: user.token)["items"].each("name") == [.string(name)])
        expectProblem(try stack.send("DELETE", target, token: stack.makeUser().token), 404, "not_found")
        #expect(try stack.send("DELETE", target, token: user.token).status == 204)
        for method in ["GET", "DELETE"] {
            expectProblem(try stack.send(method, target, token: user.token), 404, "not_found")
        }
        expectProblem(try stack.send("DELETE", "/api/data", token: user.token), 400)
    }

    @Test func deletedDocumentIsGone() throws {
        #expect(try put("a", 1).status == 200)
        #expect(try stack.send("DELETE", "/api/data/a", token: user.token).status == 204)
        expectProblem(try stack.get("/api/data/a", token: user.token), 404, "not_found")
        expectProblem(try stack.send("DELETE", "/api/data/a", token: user.token), 404, "not_found")
        #expect(try put("a", 2)["value"] == 2)
    }

    @Test func storesNumbersExactly() throws {
        let numbers = [
            "9007199254740993", "-9007199254740993", "9223372036854775807", "-9223372036854775808",
            "18446744073709551615", "0.1",
            "1e308", "5e-324", "1.7976931348623157e308",
        ]
        for number in numbers {
            let stored = try put(bytes: "{\"value\":[\(number)]}")
            #expect(stored.status == 200)
            #expect(stored["value"] == (try JSON(parsing: Array("[\(number)]".utf8))), "\(number)")
        }
        #expect(try put(bytes: "{\"value\":9007199254740993}").text.contains("9007199254740993"))
        for number in [
            "1e400", "-1e400", "18446744073709551616", "NaN", "Infinity", "-Infinity", "01", "1.", "0x10", "1e131071",
        ] {
            let answer = try put(bytes: "{\"value\":\(number)}")
            #expect([400, 422].contains(answer.status), "\(number): \(answer.status)")
        }
        #expect(try put(bytes: "{\"value\":1e400}").status == 400)
    }

    @Test func rejectsTextThatCannotBeStored() throws {
        #expect(try put("kept", 1).status == 200)
        for value in [#""a\u0000b""#, #"{"a\u0000":1}"#, #"[["\u0000"]]"#] {
            #expect(try put(name: "kept", bytes: "{\"value\":\(value)}").status == 422, "\(value)")
        }
        for value in [#""\ud800""#, #""\udc00\ud800""#, #"{"a":1,"a":2}"#] {
            expectProblem(try put(name: "kept", bytes: "{\"value\":\(value)}"), 400, nil, value)
        }
        #expect(try stack.get("/api/data/kept", token: user.token)["value"] == 1)
    }
}
