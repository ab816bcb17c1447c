import App
import Flows
import HTTP
import JSON
import Postgres
import TestSupport
import Testing

/// The OpenAPI document describes the API, and the API conforms to the document.
@Suite struct OpenAPITests {
    let stack: Stack

    init() throws { stack = try Stack.shared.get() }

    @Test func servesTheDocumentOfTheRoutes() throws {
        let answer = try stack.get("/openapi.json")
        #expect(answer.status == 200)
        #expect(answer.body == Routes.document.serialized())
    }

    /// The documents are large, and a page requests them each time it is opened.
    @Test(arguments: ["/openapi.json", "/postman.json"]) func cachedDocumentIsNotSentAgain(path: String) throws {
        let answer = try stack.get(path)
        #expect(answer.status == 200 && answer.body.count > 10_000)
        #expect(answer.headers["cache-control"] == "no-cache")
        let tag = try #require(answer.headers["etag"])
        let revalidated = try stack.get(path, headers: [("If-None-Match", tag)])
        #expect(revalidated.status == 304 && revalidated.body.isEmpty && revalidated.headers["etag"] == tag)
        #expect(try stack.get(path, headers: [("If-None-Match", "\"0\"")]).body == answer.body)
    }

    @Test func servesEveryOperationOfTheDocument() throws {
        let paths = try #require(Routes.document["paths"]?.objectValue).members
        #expect(paths.reduce(0) { $0 + ($1.value.objectValue?.count ?? 0) } == Routes.all.count)
        for path in paths {
            for operation in path.value.objectValue?.members ?? [] {
                // From another address, since each address can have one guest.
                let answer = try stack.client.from("127.0.0.2").send(
                    operation.name.uppercased(), path.name.replacing("{id}", with: "x"))
                // Only the stack of `DocumentationTests` has the files of /docs, and no hook has this token.
                let isMissing = answer.status == 404 && !["/docs", "/hooks/{token}"].contains(path.name)
                #expect(!isMissing && answer.status != 405, "\(operation.name) \(path.name)")
                #expect(answer.status < 500)
                #expect(operation.value["responses"]?[String(answer.status)] != nil, "\(operation.name) \(path.name)")
            }
        }
    }

    @Test func everyResponseMatchesItsSchema() throws {
        let user = try stack.makeUser()
        let (token, password) = (user.token, JSON.string(user.password))
        try stack.database.connect().execute("UPDATE users SET role = 'admin' WHERE id = \(user.id)")
        let other = try stack.makeUser().id
        let login = try stack.patiently {
            try stack.post("/login", ["email": .string(user.email), "password": password])
        }
        let key = try stack.post("/api/keys", ["name": "k"], token: token)["id"]
        let secret: JSON = ["name": "c", "value": "long enough", "hosts": ["example.org"]]
        let madeCredential = try stack.post("/api/credentials", secret, token: token)
        let credential = "/api/credentials/\(madeCredential["id"].stringValue ?? "")"
        let session = try #require(
            try stack.get("/api/sessions", token: login["token"].stringValue)["items"].arrayValue?.first?["id"])
        let post: JSON = ["title": "a", "content": "b"]
        let created = try stack.post("/posts", post, token: token)
        let run = try stack.post("/flow-manager", .demoFlow, token: token)
        let draft: JSON = ["name": "w", "flow": FlowFormat.example]
        let workflow = "/api/workflows/\(try stack.post("/api/workflows", draft, token: token)["id"].stringValue ?? "")"
        let exported = try stack.get("\(workflow)/export", token: token).json
        let (id, execution) = (try #require(created["id"].stringValue), try #require(run["execution_id"].stringValue))
        let record = try stack.post("/api/operations/addition/run", ["arguments": [1]], token: token)["record_id"]
        let recordTarget = "/api/records/\(record.stringValue ?? "")"
        let (division, grant) = ("/api/operations/division/run", ["user_id": .string(user.id), "amount": 5] as JSON)
        let approval: JSON = [
            "id": "f", "name": "f", "start_task": "a", "tasks": [["name": "a", "type": "approval"]], "conditions": [],
        ]
        let waiting = try stack.post("/flow-manager", ["flow": approval], token: token, headers: [("Prefer", "wait=0")])
        let waitingRun = "/api/executions/\(waiting["id"].stringValue ?? "")"
        let fail: JSON = [
            "flow": [
                "id": "f", "name": "f", "start_task": "a", "tasks": [["name": "a", "type": "fail"]], "conditions": [],
            ]
        ]
        let calls: [(method: String, path: String, target: String, body: JSON?, status: Int)] = [
            ("GET", "/", "/", nil, 200), ("GET", "/docs", "/docs", nil, 404), ("GET", "/health", "/health", nil, 200),
            ("GET", "/ready", "/ready", nil, 200),
            ("GET", "/openapi.json", "/openapi.json", nil, 200),
            ("POST", "/register", "/register", ["username": .string(unique("name")), "password": password], 200),
            (
                "POST", "/create_user", "/create_user",
                ["email": .string(unique("new") + "@example.org"), "password": password], 201
            ),
            ("POST", "/create_user", "/create_user", ["email": .string(user.email), "password": password], 409),
            ("POST", "/login", "/login", ["email": .string(user.email), "password": password], 200),
            ("POST", "/login", "/login", ["email": .string(user.email), "password": "wrong one"], 401),
            ("GET", "/me", "/me", nil, 200), ("GET", "/api/task-types", "/api/task-types", nil, 200),
            ("POST", "/flow-manager", "/flow-manager", .demoFlow, 200),
            ("POST", "/flow-manager", "/flow-manager", fail, 422), ("POST", "/flow-manager", "/flow-manager", [:], 422),
            ("POST", "/api/flows/validate", "/api/flows/validate", .demoFlow, 200),
            ("POST", "/api/flows/validate", "/api/flows/validate", ["flow": 1], 422),
            ("GET", "/api/executions", "/api/executions", nil, 200),
            ("GET", "/api/executions", "/api/executions?limit=1&status=failed&sort=created_at", nil, 200),
            ("GET", "/api/executions/{id}", "/api/executions/\(execution)", nil, 200),
            ("GET", "/api/executions/{id}", "/api/executions/\(id)", nil, 404),
            ("POST", "/api/executions/{id}/cancel", "\(waitingRun)/cancel", nil, 200),
            ("POST", "/api/executions/{id}/cancel", "\(waitingRun)/cancel", nil, 409),
            ("POST", "/api/executions/{id}/signal", "\(waitingRun)/signal", ["step": 1, "approved": true], 409),
            ("POST", "/api/executions/{id}/resume", "\(waitingRun)/resume", nil, 202),
            ("POST", "/api/executions/{id}/resume", "/api/executions/\(execution)/resume", nil, 409),
            ("POST", "/api/executions/{id}/fork", "/api/executions/\(execution)/fork", ["step": 1], 202),
            ("POST", "/api/executions/{id}/fork", "/api/executions/\(execution)/fork", ["step": 9], 422),
            ("PUT", "/api/data/{name}", "/api/data/a", ["value": [1, nil, "x"]], 200),
            ("GET", "/api/data", "/api/data", nil, 200),
            ("GET", "/api/data/{name}", "/api/data/a", nil, 200), ("GET", "/api/data/{name}", "/api/data/b", nil, 404),
            ("POST", "/posts", "/posts", post, 201), ("POST", "/upload", "/upload", post, 201),
            ("GET", "/posts", "/posts", nil, 200),
            ("GET", "/posts/{id}", "/posts/\(id)", nil, 200), ("PUT", "/posts/{id}", "/posts/\(id)", post, 200),
            ("PATCH", "/posts/{id}", "/posts/\(id)", ["title": "c"], 200),
            ("DELETE", "/posts/{id}", "/posts/\(id)", nil, 204),
            ("DELETE", "/posts/{id}", "/posts/\(id)", nil, 404),
            ("POST", "/api/workflows", "/api/workflows", draft, 201),
            ("POST", "/api/workflows", "/api/workflows", ["name": 1], 422),
            ("GET", "/api/workflows", "/api/workflows", nil, 200),
            ("GET", "/api/workflows/{id}", workflow, nil, 200),
            ("PUT", "/api/workflows/{id}", workflow, ["name": "x", "flow": FlowFormat.example], 200),
            ("GET", "/api/workflows/{id}/versions", "\(workflow)/versions", nil, 200),
            ("GET", "/api/workflows/{id}/versions/{version}", "\(workflow)/versions/2", nil, 200),
            ("POST", "/api/workflows/{id}/rollback", "\(workflow)/rollback", ["version": 1], 200),
            ("GET", "/api/workflows/{id}/export", "\(workflow)/export", nil, 200),
            ("POST", "/api/workflows/{id}/execute", "\(workflow)/execute", nil, 202),
            ("GET", "/api/workflows/{id}/executions", "\(workflow)/executions", nil, 200),
            ("POST", "/api/workflows/import", "/api/workflows/import", exported, 201),
            ("DELETE", "/api/workflows/{id}", workflow, nil, 204),
            ("GET", "/api/workflows/{id}", workflow, nil, 404),
            ("POST", "/generate_array", "/generate_array", ["sentence": "a"], 200),
            ("POST", "/refresh", "/refresh", ["refresh_token": login["refresh_token"]], 200),
            ("POST", "/refresh", "/refresh", ["refresh_token": "x"], 401),
            ("GET", "/csrf", "/csrf", nil, 200), ("GET", "/api/sessions", "/api/sessions", nil, 200),
            ("DELETE", "/api/sessions/{id}", "/api/sessions/\(session.stringValue ?? "")", nil, 204),
            ("POST", "/api/keys", "/api/keys", ["name": "k"], 201), ("GET", "/api/keys", "/api/keys", nil, 200),
            ("DELETE", "/api/keys/{id}", "/api/keys/\(key.stringValue ?? "")", nil, 204),
            ("GET", "/api/credentials", "/api/credentials", nil, 200),
            ("POST", "/api/credentials", "/api/credentials", secret, 409),
            ("POST", "/api/credentials", "/api/credentials", ["name": "c"], 422),
            ("GET", "/api/credentials/{id}", credential, nil, 200),
            ("PUT", "/api/credentials/{id}", credential, secret, 200),
            ("PUT", "/api/credentials/{id}", credential, ["name": "c", "hosts": ["a.example.org"]], 422),
            ("DELETE", "/api/credentials/{id}", credential, nil, 204),
            ("GET", "/api/credentials/{id}", credential, nil, 404),
            ("POST", "/api/mfa/totp", "/api/mfa/totp", ["current_password": password], 201),
            ("POST", "/api/mfa/totp/confirm", "/api/mfa/totp/confirm", ["code": "x"], 403),
            ("DELETE", "/api/mfa/totp", "/api/mfa/totp", ["code": "x"], 403),
            ("PATCH", "/me", "/me", ["name": "Ann"], 200),
            ("PATCH", "/me", "/me", ["password": password, "current_password": "wrong one"], 403),
            ("POST", "/api/guests", "/api/guests", nil, 201), ("POST", "/api/guests", "/api/guests", nil, 429),
            (
                "POST", "/api/guests/convert", "/api/guests/convert",
                ["username": .string(unique("name")), "password": password], 403
            ),
            ("GET", "/api/users", "/api/users", nil, 200),
            (
                "POST", "/api/users", "/api/users", ["username": .string(unique("name")), "password": password], 201
            ),
            ("POST", "/api/users", "/api/users", ["email": .string(user.email), "password": password], 409),
            ("GET", "/api/users/{id}", "/api/users/\(other)", nil, 200),
            ("PATCH", "/api/users/{id}", "/api/users/\(other)", ["role": "admin"], 200),
            ("DELETE", "/api/users/{id}", "/api/users/\(other)", nil, 204),
            ("DELETE", "/api/users/{id}", "/api/users/\(other)", nil, 404),
            ("GET", "/api/credits", "/api/credits", nil, 200), ("GET", "/api/ledger", "/api/ledger", nil, 200),
            ("POST", "/api/credits/grants", "/api/credits/grants", grant, 201),
            ("PATCH", "/api/task-types/{type}", "/api/task-types/pass", ["active": true], 200),
            ("GET", "/api/operations", "/api/operations", nil, 200),
            ("GET", "/api/operations/{type}", "/api/operations/addition", nil, 200),
            ("PATCH", "/api/operations/{type}", "/api/operations/addition", ["cost": 5], 200),
            ("POST", "/api/operations/{type}/run", division, ["arguments": [1, 2]], 200),
            ("POST", "/api/operations/{type}/run", division, ["arguments": [1, 0]], 422),
            ("GET", "/api/records", "/api/records?sort=-amount", nil, 200),
            ("GET", "/api/records/{id}", recordTarget, nil, 200),
            ("DELETE", "/api/records/{id}", recordTarget, nil, 204),
            ("GET", "/api/audit", "/api/audit?limit=100", nil, 200),
            ("POST", "/logout", "/logout", ["all": true], 204), ("GET", "/me", "/me", nil, 401),
        ]
        for call in calls {
            let answer = try stack.patiently { try stack.send(call.method, call.target, call.body, token: token) }
            #expect(answer.status == call.status, "\(call.method) \(call.target) \(answer.text.prefix(300))")
            try expectDeclared(answer, call.method, call.path)
        }
    }
}

/// The document declares the status for the operation, the body matches the schema of the status, and the code of an
/// error is among those that the document lists.
func expectDeclared(
    _ answer: HTTPAnswer, _ method: String, _ path: String, sourceLocation: SourceLocation = #_sourceLocation
) throws {
    let endpoint = try #require(Routes.all.first { $0.method.rawValue == method && $0.path == path })
    let response = Routes.document["paths"]?[path]?[method.lowercased()]?["responses"]?[String(answer.status)]
    let description = "\(method) \(path) \(answer.status): \(answer.text.prefix(500))"
    #expect(response != nil, "not declared: \(description)", sourceLocation: sourceLocation)
    let declared = endpoint.answers.first { $0.status.rawValue == answer.status }
    let isProblem = answer["code"].stringValue != nil && answer["request_id"].stringValue != nil
    let schema = isProblem ? Problem.schema : declared?.schema
    let type = schema.map { _ in isProblem ? "application/json" : declared?.contentType ?? "" }
    let answered = answer.headers["content-type"]?.split(separator: ";").first.map(String.init)
    #expect(answered == type, "\(description)", sourceLocation: sourceLocation)
    if type == "application/json" {
        #expect(schema?.violations(in: answer.json) ?? [] == [], "\(description)", sourceLocation: sourceLocation)
    }
    for (name, _) in response?["headers"]?.objectValue?.members.map({ ($0.name, $0.value) }) ?? []
    where ["X-Request-Id", "Location", "WWW-Authenticate"].contains(name) {
        #expect(answer.headers[name] != nil, "no \(name): \(description)", sourceLocation: sourceLocation)
    }
    // The response to a failed task has the code of the task.
    if isProblem, endpoint.operation != "runOperation" {
        let codes = response?["content"]?["application/json"]?["examples"]?.objectValue?.members.map(\.name) ?? []
        #expect(codes.contains(answer["code"].stringValue ?? ""), "\(description)", sourceLocation: sourceLocation)
    }
}
