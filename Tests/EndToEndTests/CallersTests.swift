import App
import Flows
import HTTP
import JSON
import TestSupport
import Testing

/// Access control of every route, for every kind of caller, and access to other users' resources.
@Suite struct CallersTests {
    private static let admins: Set = [
        "GET /api/users", "POST /api/users", "GET /api/users/{id}", "PATCH /api/users/{id}", "DELETE /api/users/{id}",
        "GET /api/audit", "PATCH /api/task-types/{type}", "PATCH /api/operations/{type}", "POST /api/credits/grants",
        "DELETE /api/records/{id}", "GET /api/identities", "DELETE /api/identities/{id}",
    ]
    private static let accounts: Set = [
        "PATCH /me", "POST /api/keys", "GET /api/keys", "DELETE /api/keys/{id}", "POST /api/credentials",
        "GET /api/credentials", "GET /api/credentials/{id}", "PUT /api/credentials/{id}",
        "DELETE /api/credentials/{id}", "POST /api/mfa/totp", "POST /api/mfa/totp/confirm", "DELETE /api/mfa/totp",
        "POST /api/workflows/{id}/hooks", "POST /api/hooks/{id}/rotate", "DELETE /api/hooks/{id}",
        "POST /api/workflows/{id}/on-end/rotate",
    ]
    private static let sessions: Set = [
        "POST /logout", "GET /csrf", "GET /api/sessions", "DELETE /api/sessions/{id}", "POST /api/guests/convert",
        "DELETE /me",
    ]
    private static let reads: Set = [
        "GET /me", "GET /api/executions", "GET /api/executions/{id}", "GET /api/executions/{id}/diff/{other}",
        "GET /api/executions/{id}/events", "GET /api/events", "GET /api/approvals", "GET /api/data",
        "GET /api/data/{name}", "GET /posts", "GET /posts/{id}", "GET /api/workflows", "GET /api/workflows/{id}",
        "GET /api/workflows/{id}/versions", "GET /api/workflows/{id}/versions/{version}",
        "GET /api/workflows/{id}/export", "GET /api/workflows/{id}/executions", "GET /api/credits", "GET /api/ledger",
        "GET /api/operations", "GET /api/operations/{type}", "GET /api/records", "GET /api/records/{id}",
        "GET /api/workflows/{id}/hooks", "GET /api/hooks", "GET /api/hooks/{id}", "GET /api/hooks/{id}/deliveries",
        "GET /api/schedules", "GET /api/workflows/{id}/schedule",
        "GET /api/workflows/{id}/deliveries",
    ]
    private static let runs: Set = [
        "POST /flow-manager", "POST /api/flows/validate", "POST /api/operations/{type}/run",
        "POST /api/workflows/{id}/execute", "POST /api/executions/{id}/cancel", "POST /api/executions/{id}/resume",
        "POST /api/executions/{id}/fork", "POST /api/executions/{id}/signal",
        "POST /api/hooks/{id}/test",
    ]
    private static let writes: Set = [
        "PUT /api/data/{name}", "DELETE /api/data/{name}", "DELETE /api/data", "POST /posts", "POST /upload",
        "PUT /posts/{id}", "PATCH /posts/{id}",
        "DELETE /posts/{id}", "POST /generate_array", "POST /api/workflows", "PUT /api/workflows/{id}",
        "DELETE /api/workflows/{id}", "DELETE /api/workflows/{id}/versions/{version}", "DELETE /api/executions/{id}",
        "POST /api/workflows/{id}/rollback", "POST /api/workflows/import", "PUT /api/workflows/{id}/schedule",
        "DELETE /api/workflows/{id}/schedule", "POST /api/workflows/{id}/deliveries/{delivery}/resend",
    ]
    /// Calls of users with an account, also by keys.
    private static let members: Set = [
        "GET /api/schedules", "GET /api/workflows/{id}/schedule", "PUT /api/workflows/{id}/schedule",
        "DELETE /api/workflows/{id}/schedule",
    ]

    /// Calls that a key with the scope `run` alone may make, for the runs that it has started.
    private static let ownRuns: Set = [
        "GET /api/executions", "GET /api/executions/{id}", "GET /api/executions/{id}/diff/{other}",
        "GET /api/executions/{id}/events", "GET /api/events", "GET /api/workflows/{id}/executions",
    ]

    let stack: Stack
    let user: TestUser

    init() throws {
        stack = try Stack.shared.get()
        user = try stack.makeUser()
    }

    @Test func callersAreLimitedToTheirEndpoints() throws {
        let admin = try stack.adminToken()
        let address = "127.\(Int.random(in: 1...255)).\(Int.random(in: 0...255)).\(Int.random(in: 1...254))"
        let guest = try stack.client.from(address).send("POST", "/api/guests")["token"].stringValue ?? ""
        let all: [JSON] = ["read", "run", "write"]
        let (adminOnly, loginOnly) = (Self.admins, Self.accounts.union(Self.sessions))
        let callers: [(name: String, token: String, refused: Set<String>)] = [
            ("guest", guest, adminOnly.union(Self.accounts).union(Self.members)), ("client", user.token, adminOnly),
            ("admin", admin, []),
            ("client's key", try key(all), adminOnly.union(loginOnly)),
            ("reader", try key(["read"]), adminOnly.union(loginOnly).union(Self.runs).union(Self.writes)),
            (
                "runner", try key(["run"]),
                adminOnly.union(loginOnly).union(Self.reads).union(Self.writes).subtracting(Self.ownRuns)
            ),
            ("writer", try key(["write"]), adminOnly.union(loginOnly).union(Self.reads).union(Self.runs)),
            ("admin's plain key", try key(all, of: admin), adminOnly.union(loginOnly)),
            (
                "admin's key with that scope only", try key(["admin"], of: admin),
                loginOnly.union(Self.reads).union(Self.runs).union(Self.writes)
            ),
            ("admin's key", try key(all + ["admin"], of: admin), loginOnly),
        ]
        for caller in callers {
            let refused = try refusals(caller.token)
            #expect(refused.subtracting(caller.refused) == [], "forbidden to \(caller.name)")
            #expect(caller.refused.subtracting(refused) == [], "allowed to \(caller.name)")
        }
    }

    @Test func otherUsersResourcesAreHidden() throws {
        let draft: JSON = ["title": "a", "content": "b", "published": false]
        let post = try stack.post("/posts", draft, token: user.token)["id"]
        let run = try stack.post("/flow-manager", .demoFlow, token: user.token)["execution_id"]
        let key = try stack.post("/api/keys", ["name": "k"], token: user.token)["id"]
        let secret: JSON = ["name": "c", "value": "long enough", "hosts": ["example.org"]]
        let credential = try stack.post("/api/credentials", secret, token: user.token)["id"]
        let session = try stack.get("/api/sessions", token: user.token)["items"].arrayValue?.first?["id"]
        let flow: JSON = ["name": "w", "flow": FlowFormat.example]
        let workflow = try stack.post("/api/workflows", flow, token: user.token)["id"]
        let hook = try stack.post(
            "/api/workflows/\(workflow.stringValue ?? "")/hooks", [:], token: user.token)["id"]
        let scheduled = "/api/workflows/\(workflow.stringValue ?? "")/schedule"
        #expect(try stack.send("PUT", scheduled, ["cron": "@daily"], token: user.token).status == 200)
        let bought = try stack.post("/api/operations/addition/run", ["arguments": [1]], token: user.token)["record_id"]
        let resources: [String: JSON?] = [
            "/api/workflows/{id}": workflow,
            "/posts/{id}": post, "/api/executions/{id}": run, "/api/keys/{id}": key, "/api/sessions/{id}": session,
            "/api/credentials/{id}": credential,
            "/api/users/{id}": .string(user.id), "/api/identities/{id}": .string(user.id),
            "/api/data/{name}": "result", "/api/records/{id}": bought, "/api/hooks/{id}": hook,
            "/hooks/{token}": "unknown",
        ]
        let bodies: [String: JSON] = [
            "PUT /api/workflows/{id}": flow, "PUT /api/credentials/{id}": secret,
            "PUT /api/workflows/{id}/schedule": ["cron": "@daily"],
            "POST /api/workflows/{id}/rollback": ["version": 1],
            "POST /api/workflows/{id}/execute": [:], "POST /api/executions/{id}/fork": ["step": 1],
            "POST /api/executions/{id}/signal": ["step": 1, "approved": true],
            "POST /api/workflows/{id}/hooks": [:], "POST /api/hooks/{id}/rotate": [:], "POST /api/hooks/{id}/test": [:],
            "POST /api/workflows/{id}/on-end/rotate": [:],
        ]
        let stranger = try stack.makeUser()
        // Types have no owner.
        for endpoint in Routes.all where endpoint.path.contains("{") && !endpoint.path.contains("{type}") {
            let (method, name) = (endpoint.method.rawValue, "\(endpoint.method.rawValue) \(endpoint.path)")
            // This creates a document of the caller.
            guard name != "PUT /api/data/{name}" else { continue }
            // The path of a subresource begins with the path of its resource.
            let path = endpoint.path.prefix(through: endpoint.path.firstIndex(of: "}") ?? endpoint.path.startIndex)
            let resource = try #require(resources[String(path)]??.stringValue, "a resource for \(endpoint.path)")
            let body = endpoint.body.schema == nil ? nil : bodies[name] ?? draft
            let answer = try stack.send(method, filled(endpoint.path, resource), body, token: stranger.token)
            expectProblem(answer, Self.admins.contains(name) ? 403 : 404, nil, name)
        }
        for (path, resource) in resources where !path.hasPrefix("/api/users") {
            guard Routes.all.contains(where: { $0.path == path && $0.method == .get }) else { continue }
            let target = filled(path, resource?.stringValue ?? "")
            #expect(try stack.get(target, token: user.token).status == 200, "\(target)")
        }
        #expect(try stack.get("/api/keys", token: user.token)["items"].arrayValue?.count == 1)
    }

    /// What an admin may do to the resources of others. A run has ended, so some calls are refused with 409.
    @Test func adminsOperateOnRunsAndWorkflowsOfOthers() throws {
        let admin = try stack.adminToken()
        let run = try stack.post("/flow-manager", .demoFlow, token: user.token)["execution_id"].stringValue ?? ""
        let draft: JSON = ["name": "w", "flow": FlowFormat.example]
        let workflow = try stack.post("/api/workflows", draft, token: user.token)["id"].stringValue ?? ""
        let expected: [(method: String, path: String, body: JSON?, status: Int)] = [
            ("GET", "/api/executions/\(run)", nil, 200), ("GET", "/api/executions?user_id=\(user.id)", nil, 200),
            ("GET", "/api/workflows/\(workflow)", nil, 200), ("GET", "/api/workflows/\(workflow)/executions", nil, 200),
            ("POST", "/api/executions/\(run)/cancel", nil, 409), ("POST", "/api/executions/\(run)/resume", nil, 409),
            ("POST", "/api/executions/\(run)/fork", ["step": 1], 202),
            ("POST", "/api/workflows/\(workflow)/execute", [:], 202),
            ("POST", "/api/executions/\(run)/signal", ["step": 1, "approved": true], 409),
            ("DELETE", "/api/executions/\(run)", nil, 403),
        ]
        let stranger = try stack.makeUser().token
        for (method, path, body, status) in expected {
            let answer = try stack.send(method, path, body, token: admin)
            #expect(answer.status == status, "\(method) \(path) \(answer.text)")
            let refused = try stack.send(method, path, body, token: stranger)
            #expect(refused.status == 404 || refused["items"] == [], "\(method) \(path) \(refused.text)")
        }
    }

    private func key(_ scopes: [JSON], of token: String? = nil) throws -> String {
        let draft: JSON = ["name": "k", "scopes": .array(scopes), "expires_in": 60]
        return try #require(try stack.post("/api/keys", draft, token: token ?? user.token)["key"].stringValue)
    }

    /// The requests that are forbidden to the caller. None has an effect: the body is invalid and the id is unknown.
    private func refusals(_ token: String) throws -> Set<String> {
        var refusals: Set<String> = []
        let headers = [stack.bearer(token), ("Content-Type", "application/json")]
        for endpoint in Routes.all where endpoint.access.needsUser {
            let target = filled(endpoint.path, "00000000-0000-7000-8000-000000000000")
            let (method, name) = (endpoint.method.rawValue, "\(endpoint.method.rawValue) \(endpoint.path)")
            let answer = try stack.client.send(method, target, headers: headers, body: Array("{".utf8))
            #expect([200, 400, 403, 404].contains(answer.status), "\(name) \(answer.text)")
            guard answer.status == 403 else { continue }
            expectProblem(answer, 403, "forbidden", name)
            refusals.insert(name)
        }
        return refusals
    }

    private func filled(_ path: String, _ resource: String) -> String {
        path.split(separator: "/", omittingEmptySubsequences: false).map { segment in
            segment.hasPrefix("{") ? resource : String(segment)
        }.joined(separator: "/")
    }
}
