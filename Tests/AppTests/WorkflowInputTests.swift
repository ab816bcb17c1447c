import Flows
import HTTP
import JSON
import TestSupport
import Testing

/// Validation of workflows, and their export and import.
@Suite struct WorkflowInputTests {
    let application: TestApplication
    let user: TestUser

    init() throws {
        application = try TestApplication()
        user = try application.makeUser()
    }

    private func workflows() throws -> [JSON]? {
        try application.get("/api/workflows", token: user.token)["items"].arrayValue
    }

    @Test func reportsAllErrorsAtOnce() throws {
        let made = try application.post("/api/workflows", .workflow("a"), token: user.token)
        let path = try #require(made.headers["location"])
        let document = try application.get("\(path)/export", token: user.token).json
        let cycle = JSON.flow([.task("a", "pass")], [.condition("a", "a", "end")])["flow"] ?? .null
        let many = JSON.chain((0...1_000).map { .task("t\($0)", "pass") })["flow"] ?? .null
        let unknown = JSON.flow([.task("a", "calc.additon"), .task("b", "pass", "{{ input }}")])["flow"] ?? .null
        let cases: [(change: [String: JSON?], pointers: [String])] = [
            (["name": nil, "flow": .some(nil)], ["/name", "/flow"]), (["name": "", "flow": 1], ["/name", "/flow"]),
            (["name": .string(String(repeating: "n", count: 201))], ["/name"]), (["name": "a\u{0}b"], ["/name"]),
            (["description": 1, "concurrency": 0], ["/description", "/concurrency"]),
            (["concurrency": 1_001], ["/concurrency"]), (["concurrency": "2"], ["/concurrency"]),
            (["concurrency": 1.5], ["/concurrency"]), (["schedule": ["cron": "* * * * *"]], ["/schedule"]),
            (["user_id": "another user"], ["/user_id"]), (["id": "x", "version": 7], ["/id", "/version"]),
            (["flow": cycle], ["/flow/tasks/0"]), (["flow": many], ["/flow/tasks"]),
            (["flow": unknown, "credits": 5], ["/credits", "/flow/tasks/0/type", "/flow/tasks/1/input"]),
            (["flow": [:]], ["/flow/id", "/flow/name", "/flow/start_task", "/flow/tasks"]),
        ]
        let calls: [(method: String, target: String, body: JSON)] = [
            ("POST", "/api/workflows", .workflow("a")), ("PUT", path, .workflow("a")),
            ("POST", "/api/workflows/import", document),
        ]
        for call in calls {
            for (change, expected) in cases {
                var body = try #require(call.body.objectValue)
                for (name, value) in change { body[name] = value }
                let answer = try application.send(call.method, call.target, .object(body), token: user.token)
                expectProblem(answer, 422, "validation_failed", "\(call.target) \(expected)")
                #expect(pointers(answer).sorted() == expected.sorted(), "\(call.target) \(answer.text.prefix(300))")
            }
            let answer = try application.send(call.method, call.target, ["flow", unknown], token: user.token)
            #expect(pointers(answer) == [""], "\(answer.text)")
            let hinted = try application.send(
                call.method, call.target, .object(with(call.body, "flow", unknown)), token: user.token)
            #expect(hinted["errors"].arrayValue?.first?["hint"] == "did you mean 'calc.addition'?")
        }
        #expect(try workflows()?.count == 1)
        #expect(try application.get(path, token: user.token).json == made.json)
    }

    private func with(_ body: JSON, _ name: String, _ value: JSON) -> JSONObject {
        var object = body.objectValue ?? JSONObject()
        object[name] = value
        return object
    }

    @Test func storesTextVerbatim() throws {
        let texts = ["' OR 1=1 --", "a\r\nSet-Cookie: x=y", "<script>", "%s \\ \" \u{1}", "👩‍👩‍👧 \u{202E}", "$1 {x}"]
        for text in texts {
            let draft = JSON.workflow(text, ["description": .string(text)])
            let made = try application.post("/api/workflows", draft, token: user.token)
            #expect(made["name"] == .string(text) && made["description"] == .string(text))
            #expect(made.headers["set-cookie"] == nil)
        }
    }

    @Test(arguments: [
        JSON.workflow("plain"), .workflow("full", giving: -1, ["description": "", "concurrency": 7]),
        ["name": "e\u{301}", "flow": FlowFormat.example],
    ])
    func anImportedExportIsEqual(draft: JSON) throws {
        let made = try application.post("/api/workflows", draft, token: user.token)
        let exported = try application.get("\(made.headers["location"] ?? "")/export", token: user.token)
        #expect(exported.status == 200)
        #expect(
            exported.json.names == [
                "format", "format_version", "key", "name", "description", "concurrency", "priority", "max_queued",
                "flow", "input_schema",
            ])
        #expect(exported["format"] == "flow-manager.workflow" && exported["format_version"] == 1)
        let other = try application.makeUser()
        let imported = try application.post("/api/workflows/import", exported.json, token: other.token)
        #expect(imported.status == 201, "\(imported.text)")
        let path = try #require(imported.headers["location"])
        #expect(try application.get(path, token: other.token).json == imported.json)
        #expect(imported["id"] != made["id"] && imported["user_id"] == .string(other.id) && imported["version"] == 1)
        for name in ["name", "description", "concurrency", "flow"] { #expect(imported[name] == made[name], "\(name)") }
        #expect(try application.get("\(path)/export", token: other.token).body == exported.body)
    }

    @Test func reportsUnsupportedFormats() throws {
        let made = try application.post("/api/workflows", .workflow("a"), token: user.token)
        let document = try application.get("\(made.headers["location"] ?? "")/export", token: user.token).json
        let newer = try application.post(
            "/api/workflows/import", .object(with(.object(with(document, "format_version", 2)), "new", true)),
            token: user.token)
        expectProblem(newer, 422, "validation_failed")
        #expect(
            newer["errors"] == [
                [
                    "pointer": "/format_version",
                    "message": "must be 1: version 2 of the format is not supported",
                ]
            ])
        for (name, value) in [("format", "other" as JSON), ("format_version", "1"), ("format_version", 1.0)] {
            let answer = try application.post(
                "/api/workflows/import", .object(with(document, name, value)), token: user.token)
            expectProblem(answer, 422, "validation_failed", name)
            #expect(pointers(answer) == ["/\(name)"])
        }
        let draft = try application.post("/api/workflows/import", .workflow("a"), token: user.token)
        #expect(pointers(draft) == ["/format", "/format_version"])
        #expect(
            pointers(try application.post("/api/workflows", document, token: user.token)) == [
                "/format", "/format_version",
            ])
        #expect(try workflows()?.count == 1)
    }

    @Test func aRepeatedCallHasOneEffect() throws {
        let document: JSON = [
            "format": "flow-manager.workflow", "format_version": 1, "name": "i", "flow": FlowFormat.example,
        ]
        for (target, body) in [("/api/workflows", .workflow("a")), ("/api/workflows/import", document)] {
            let key = [("Idempotency-Key", unique("key"))]
            let first = try application.post(target, body, token: user.token, headers: key)
            let second = try application.post(target, body, token: user.token, headers: key)
            #expect(first.status == 201 && second.status == 201)
            #expect(second.body == first.body && second.headers["idempotency-replayed"] == "true")
            for name in ["location", "etag"] { #expect(second.headers[name] == first.headers[name], "\(name)") }
            let path = try #require(first.headers["location"])
            _ = try application.send("PUT", path, .workflow("b"), token: user.token)
            let back = try (0..<2).map { _ in
                try application.post("\(path)/rollback", ["version": 1], token: user.token, headers: key)
            }
            #expect(back.map(\.status) == [200, 200] && back[0].body == back[1].body)
        }
        #expect(try workflows()?.count == 2)
    }
}
