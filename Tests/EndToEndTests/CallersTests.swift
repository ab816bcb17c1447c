import App
import Flows
import HTTP
import JSON
import TestSupport
import Testing

/// Every route, for every kind of caller: whom it refuses for who it is, and whose things it shows.
@Suite struct CallersTests {
    private static let admins: Set = [
        "GET /api/users", "POST /api/users", "GET /api/users/{id}", "PATCH /api/users/{id}", "DELETE /api/users/{id}",
        "GET /api/audit", "PATCH /api/task-types/{type}", "PATCH /api/operations/{type}", "POST /api/credits/grants",
        "DELETE /api/records/{id}",
    ]
    private static let accounts: Set = [
        "PATCH /me", "POST /api/keys", "GET /api/keys", "DELETE /api/keys/{id}", "POST /api/mfa/totp",
        "POST /api/mfa/totp/confirm", "DELETE /api/mfa/totp",
    ]
    private static let sessions: Set = [
        "POST /logout", "GET /csrf", "GET /api/sessions", "DELETE /api/sessions/{id}", "POST /api/guests/convert",
    ]
    private static let reads: Set = [
        "GET /me", "GET /api/executions", "GET /api/executions/{id}", "GET /api/data", "GET /api/data/{name}",
        "GET /posts", "GET /posts/{id}", "GET /api/workflows", "GET /api/workflows/{id}",
        "GET /api/workflows/{id}/versions", "GET /api/workflows/{id}/versions/{version}",
        "GET /api/workflows/{id}/export", "GET /api/workflows/{id}/executions", "GET /api/credits", "GET /api/ledger",
        "GET /api/operations", "GET /api/operations/{type}", "GET /api/records", "GET /api/records/{id}",
    ]
    private static let runs: Set = [
        "POST /flow-manager", "POST /api/flows/validate", "POST /api/operations/{type}/run",
        "POST /api/workflows/{id}/execute", "POST /api/executions/{id}/cancel", "POST /api/executions/{id}/resume",
        "POST /api/executions/{id}/fork", "POST /api/executions/{id}/signal",
    ]
    private static let writes: Set = [
        "PUT /api/data/{name}", "POST /posts", "POST /upload", "PUT /posts/{id}", "PATCH /posts/{id}",
        "DELETE /posts/{id}", "POST /generate_array", "POST /api/workflows", "PUT /api/workflows/{id}",
        "DELETE /api/workflows/{id}", "POST /api/workflows/{id}/rollback", "POST /api/workflows/import",
    ]

    let stack: Stack
    let user: TestUser

    init() throws {
        stack = try Stack.shared.get()
        user = try stack.makeUser()
    }

    @Test func eachIsRefusedWhatIsNotForIt() throws {
        let admin = try stack.adminToken()
        let address = "127.\(Int.random(in: 1...255)).\(Int.random(in: 0...255)).\(Int.random(in: 1...254))"
        let guest = try stack.client.from(address).send("POST", "/api/guests")["token"].stringValue ?? ""
        let all: [JSON] = ["read", "run", "write"]
        let (person, program) = (Self.admins, Self.accounts.union(Self.sessions))
        let callers: [(name: String, token: String, refused: Set<String>)] = [
            ("guest", guest, person.union(Self.accounts)), ("client", user.token, person), ("admin", admin, []),
            ("client's key", try key(all), person.union(program)),
            ("reader", try key(["read"]), person.union(program).union(Self.runs).union(Self.writes)),
            ("runner", try key(["run"]), person.union(program).union(Self.reads).union(Self.writes)),
            ("writer", try key(["write"]), person.union(program).union(Self.reads).union(Self.runs)),
            ("admin's plain key", try key(all, of: admin), person.union(program)),
            (
                "admin's key for that alone", try key(["admin"], of: admin),
                program.union(Self.reads).union(Self.runs).union(Self.writes)
            ),
            ("admin's key", try key(all + ["admin"], of: admin), program),
        ]
        for caller in callers {
            let refused = try refusals(caller.token)
            #expect(refused.subtracting(caller.refused) == [], "refused to \(caller.name)")
            #expect(caller.refused.subtracting(refused) == [], "open to \(caller.name)")
        }
    }

    @Test func nobodyReachesWhatIsAnothers() throws {
        let draft: JSON = ["title": "a", "content": "b", "published": false]
        let post = try stack.post("/posts", draft, token: user.token)["id"]
        let run = try stack.post("/flow-manager", .demoFlow, token: user.token)["execution_id"]
        let key = try stack.post("/api/keys", ["name": "k"], token: user.token)["id"]
        let session = try stack.get("/api/sessions", token: user.token)["items"].arrayValue?.first?["id"]
        let flow: JSON = ["name": "w", "flow": FlowFormat.example]
        let workflow = try stack.post("/api/workflows", flow, token: user.token)["id"]
        let bought = try stack.post("/api/operations/addition/run", ["arguments": [1]], token: user.token)["record_id"]
        let things: [String: JSON?] = [
            "/api/workflows/{id}": workflow,
            "/posts/{id}": post, "/api/executions/{id}": run, "/api/keys/{id}": key, "/api/sessions/{id}": session,
            "/api/users/{id}": .string(user.id), "/api/data/{name}": "result", "/api/records/{id}": bought,
        ]
        let bodies: [String: JSON] = [
            "PUT /api/workflows/{id}": flow, "POST /api/workflows/{id}/rollback": ["version": 1],
            "POST /api/workflows/{id}/execute": [:], "POST /api/executions/{id}/fork": ["step": 1],
            "POST /api/executions/{id}/signal": ["approved": true],
        ]
        let stranger = try stack.makeUser()
        // A type is nobody's own.
        for endpoint in Routes.all where endpoint.path.contains("{") && !endpoint.path.contains("{type}") {
            let (method, name) = (endpoint.method.rawValue, "\(endpoint.method.rawValue) \(endpoint.path)")
            // A document of that name is the caller's own.
            guard name != "PUT /api/data/{name}" else { continue }
            // What belongs to a thing has an address that begins with the thing's.
            let path = endpoint.path.prefix(through: endpoint.path.firstIndex(of: "}") ?? endpoint.path.startIndex)
            let thing = try #require(things[String(path)]??.stringValue, "a thing for \(endpoint.path)")
            let body = endpoint.body.schema == nil ? nil : bodies[name] ?? draft
            let answer = try stack.send(method, filled(endpoint.path, thing), body, token: stranger.token)
            expectProblem(answer, Self.admins.contains(name) ? 403 : 404, nil, name)
        }
        for (path, thing) in things where !path.hasPrefix("/api/users") {
            guard Routes.all.contains(where: { $0.path == path && $0.method == .get }) else { continue }
            let target = filled(path, thing?.stringValue ?? "")
            #expect(try stack.get(target, token: user.token).status == 200, "\(target)")
        }
        #expect(try stack.get("/api/keys", token: user.token)["items"].arrayValue?.count == 1)
    }

    private func key(_ scopes: [JSON], of token: String? = nil) throws -> String {
        let draft: JSON = ["name": "k", "scopes": .array(scopes), "expires_in": 60]
        return try #require(try stack.post("/api/keys", draft, token: token ?? user.token)["key"].stringValue)
    }

    /// The calls that the caller is refused. None comes to have an effect: its body cannot be read, its id is nobody's.
    private func refusals(_ token: String) throws -> Set<String> {
        var refusals: Set<String> = []
        let headers = [stack.bearer(token), ("Content-Type", "application/json")]
        for endpoint in Routes.all where endpoint.access != .everyone {
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

    private func filled(_ path: String, _ thing: String) -> String {
        path.split(separator: "/", omittingEmptySubsequences: false).map { segment in
            segment.hasPrefix("{") ? thing : String(segment)
        }.joined(separator: "/")
    }
}
