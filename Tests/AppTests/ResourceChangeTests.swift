import Flows
import HTTP
import JSON
import Postgres
import TestSupport
import Testing

@testable import App

/// What was read can be changed and sent back whole, and sent again. Members that only the server sets must have their
/// present values, unless each change sets them.
@Suite struct ResourceChangeTests {
    private let application: TestApplication
    private let user: TestUser

    init() throws {
        application = try TestApplication()
        user = try application.makeUser()
    }

    /// A resource to change: its path, the token of who may, a change, and what a call that creates it takes.
    private struct Example {
        let path: String
        let token: String
        let change: (name: String, value: JSON)
        /// The resource as it is read now.
        let read: () throws -> JSON
        var creation: (path: String, body: JSON)?
    }

    /// An example of each resource that can be changed, by the path of the endpoint that changes it.
    private func examples() throws -> [String: Example] {
        let admin = try application.adminToken()
        func example(
            _ path: String, _ change: (String, JSON), as token: String? = nil,
            creating creation: (path: String, body: JSON)? = nil, read: (() throws -> JSON)? = nil
        ) -> Example {
            let token = token ?? user.token
            return Example(
                path: path, token: token, change: change,
                read: read ?? { [application] in try application.get(path, token: token).json }, creation: creation)
        }
        func create(_ path: String, _ body: JSON, as token: String? = nil) throws -> String {
            let made = try application.post(path, body, token: token ?? user.token)
            #expect(made.status == 201, "\(made.text)")
            return made["id"].stringValue ?? ""
        }
        let post: JSON = ["title": "a", "content": "b"]
        let workflow: JSON = ["name": "a", "flow": FlowFormat.example]
        let credential: JSON = ["name": "c", "value": "long enough", "hosts": ["example.org"]]
        let account: JSON = ["username": "changed", "password": "long enough"]
        let scheduled = "/api/workflows/\(try create("/api/workflows", workflow))/schedule"
        #expect(try application.send("PUT", scheduled, ["cron": "@daily"], token: user.token).status == 200)
        let document = try application.send("PUT", "/api/data/d", ["value": [1]], token: user.token)
        #expect(document.status == 200)
        let postPath = "/posts/\(try create("/posts", post))"
        return [
            "/posts/{id}": example(postPath, ("title", "other"), creating: ("/posts", post)),
            "/api/workflows/{id}": example(
                "/api/workflows/\(try create("/api/workflows", workflow))", ("description", "other"),
                creating: ("/api/workflows", workflow)),
            "/api/credentials/{id}": example(
                "/api/credentials/\(try create("/api/credentials", credential))", ("name", "other"),
                creating: ("/api/credentials", credential)),
            "/api/workflows/{id}/schedule": example(scheduled, ("cron", "@weekly")),
            "/api/data/{name}": example("/api/data/d", ("value", 7)),
            "/me": example("/me", ("name", "Other")),
            "/api/users/{id}": example(
                "/api/users/\(try create("/api/users", account, as: admin))", ("name", "Other"), as: admin,
                creating: ("/api/users", ["username": "second", "password": "long enough"])),
            "/api/operations/{type}": example("/api/operations/addition", ("cost", 3), as: admin),
            "/api/task-types/{type}": example(
                "/api/task-types/pass", ("cost", 2), as: admin,
                read: { [application] in
                    let all = try application.get("/api/task-types")["items"].arrayValue ?? []
                    return try #require(all.first { $0["type"] == "pass" })
                }),
        ]
    }

    @Test func everyResourceCanBeSentBack() throws {
        let examples = try examples()
        for endpoint in Routes.all where endpoint.method == .put || endpoint.method == .patch {
            let example = try #require(examples[endpoint.path], "\(endpoint.path) has no example here")
            let method = endpoint.method.rawValue
            func send(_ body: JSON) throws -> HTTPAnswer {
                try application.send(method, example.path, body, token: example.token)
            }
            let same = try send(example.read())
            #expect(same.status == 200, "\(method) \(endpoint.path): \(same.text)")

            var changed = try #require(example.read().objectValue)
            changed[example.change.name] = example.change.value
            let answer = try send(.object(JSONObject(changed.members.reversed())))
            #expect(answer.status == 200, "\(method) \(endpoint.path): \(answer.text)")
            #expect(answer[example.change.name] == example.change.value)
            let again = try send(.object(changed))
            #expect(again.status == 200, "\(method) \(endpoint.path): \(again.text)")
            #expect(again[example.change.name] == example.change.value)

            let body = try #require(endpoint.body.schema)
            let owned = serverMembers(of: body)
            #expect(try !owned.isEmpty && Set(owned).isSubset(of: example.read().names))
            for name in owned {
                var stale = try #require(example.read().objectValue)
                stale[name] = "another value"
                let refusal = try send(.object(stale))
                expectProblem(refusal, 422, "validation_failed")
                #expect(pointers(refusal) == ["/\(name)"], "\(method) \(endpoint.path)")
            }
            if let creation = example.creation {
                let create = Routes.all.first { $0.method == .post && $0.path == creation.path }
                let accepted = create?.body.schema?.json["properties"]?.names ?? []
                for name in owned where !accepted.contains(name) {
                    var body = try #require(creation.body.objectValue)
                    body[name] = try example.read()[name]
                    let refusal = try application.post(creation.path, .object(body), token: example.token)
                    expectProblem(refusal, 422, "validation_failed")
                    #expect(pointers(refusal) == ["/\(name)"], "\(creation.path)")
                }
            }
        }
    }

    /// Two changes of the same read state, without `If-Match`: the second one counts.
    @Test func timesOfAnOlderStateHaveNoEffect() throws {
        let examples = try examples()
        for (path, method) in [("/posts/{id}", "PUT"), ("/posts/{id}", "PATCH"), ("/api/data/{name}", "PUT")] {
            let example = try #require(examples[path])
            let read = try #require(example.read().objectValue)
            for value: JSON in ["1", "2"] {
                var body = read
                body[example.change.name] = value
                body["updated_at"] = "2026-01-01T00:00:00.000Z"
                let answer = try application.send(method, example.path, .object(body), token: example.token)
                #expect(answer.status == 200, "\(method) \(path): \(answer.text)")
                #expect(answer[example.change.name] == value)
                #expect(answer["updated_at"] != body["updated_at"])
            }
        }
    }

    /// The members that the schema describes as set by the server.
    private func serverMembers(of schema: JSONSchema) -> [String] {
        (schema.json["properties"]?.objectValue?.members ?? []).filter {
            $0.value["description"]?.stringValue?.hasPrefix("Set by the server") == true
        }.map(\.name)
    }

    @Test func aGuestCanBeSentBack() throws {
        let admin = try application.adminToken()
        let guest = try application.post("/api/guests", [:])
        let path = "/api/users/\(guest["user"]["id"]?.stringValue ?? "")"
        let read = try application.get(path, token: admin).json
        var body = try #require(read.objectValue)
        #expect(try application.send("PATCH", path, .object(body), token: admin).status == 200)
        body["role"] = "client"
        expectProblem(try application.send("PATCH", path, .object(body), token: admin), 409, "guest")
        let other = try application.send("PATCH", "/api/users/\(user.id)", ["role": "guest"], token: admin)
        expectProblem(other, 422, "validation_failed")
        #expect(pointers(other) == ["/role"])
    }

    @Test func aNewDocumentHasNothingFromTheServer() throws {
        let body: JSON = ["value": 1, "name": "new", "updated_at": "2026-01-01T00:00:00.000Z"]
        let answer = try application.send("PUT", "/api/data/new", body, token: user.token)
        expectProblem(answer, 422, "validation_failed")
        #expect(pointers(answer) == ["/name"])
        expectProblem(try application.get("/api/data/new", token: user.token), 404, "not_found")
    }

    /// A client that changes what it read before another change overwrites nothing.
    @Test func anOlderStateIsRefused() throws {
        let flow: JSON = ["name": "a", "flow": FlowFormat.example]
        let made = try application.post("/api/workflows", flow, token: user.token).json
        let path = "/api/workflows/\(made["id"]?.stringValue ?? "")"
        var (first, second) = (try #require(made.objectValue), try #require(made.objectValue))
        first["name"] = "first"
        second["name"] = "second"
        #expect(try application.send("PUT", path, .object(first), token: user.token).status == 200)
        let refusal = try application.send("PUT", path, .object(second), token: user.token)
        expectProblem(refusal, 422, "validation_failed")
        #expect(pointers(refusal) == ["/version"])
        #expect(try application.get(path, token: user.token)["name"] == "first")
    }

    /// By the user and by an admin.
    @Test(arguments: [true, false])
    func nameAndAgeOfAnAccountChangeIndependently(isOwn: Bool) throws {
        let token = isOwn ? user.token : try application.adminToken()
        func change(_ body: JSON) throws -> HTTPAnswer {
            try application.send("PATCH", isOwn ? "/me" : "/api/users/\(user.id)", body, token: token)
        }
        let steps: [(body: JSON, name: JSON, age: JSON)] = [
            (["name": "Ann", "age": 30], "Ann", 30), (["age": 31], "Ann", 31), (["name": "Bea"], "Bea", 31),
            (["name": nil], nil, 31), (["age": nil], nil, nil), ([:], nil, nil),
        ]
        for (body, name, age) in steps {
            let answer = try change(body)
            #expect(answer.status == 200 && answer["name"] == name && answer["age"] == age, "\(answer.text)")
            #expect(try application.get("/me", token: user.token)["age"] == age)
        }
        for age: JSON in [-1, 151, "30", 30.5] {
            let refusal = try change(["age": age])
            expectProblem(refusal, 422, "validation_failed")
            #expect(pointers(refusal) == ["/age"], "\(age)")
        }
    }

    /// What the profile of names refuses today, and an account without an e-mail.
    @Test func anOlderAccountCanBeSentBack() throws {
        func send(_ body: JSONObject) throws -> HTTPAnswer {
            try application.send("PATCH", "/me", .object(body), token: user.token)
        }
        for email in ["ann\u{200B}@example.org", "no e-mail", nil] {
            try application.connection.execute(
                "UPDATE users SET username = 'ann', email = \(optional: email) WHERE id = \(user.id)")
            var body = try #require(application.get("/me", token: user.token).json.objectValue)
            #expect(body["email"] == JSON(email))
            #expect(try send(body).status == 200)
            for other: JSON in ["bob\u{200B}@example.org", 5, "", email == nil ? "no e-mail" : nil] {
                body["email"] = other
                let refusal = try send(body)
                expectProblem(refusal, 422, "validation_failed")
                #expect(pointers(refusal) == ["/email", "/current_password"], "\(other)")
            }
            body["email"] = .string(unique("new") + "@example.org")
            body["current_password"] = .string(user.password)
            #expect(try send(body).status == 200)
        }
    }
}
