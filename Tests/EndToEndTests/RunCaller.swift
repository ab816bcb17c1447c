import Glibc
import HTTP
import JSON
import Postgres
import TestSupport

/// A user of a stack who keeps workflows, runs them and looks what becomes of the runs.
struct RunCaller {
    let stack: Stack
    let user: TestUser

    init(_ stack: Stack) throws {
        self.stack = stack
        user = try stack.makeUser()
    }

    func get(_ target: String) throws -> HTTPAnswer { try stack.get(target, token: user.token) }

    func post(_ target: String, _ body: JSON = [:], headers: [(String, String)] = []) throws -> HTTPAnswer {
        try stack.post(target, body, token: user.token, headers: headers)
    }

    /// Keeps the flow of a call as a workflow and returns its id.
    func keep(_ call: JSON, _ more: [String: JSON] = [:]) throws -> String {
        let made = try post("/api/workflows", .draft(of: call, more))
        guard made.status == 201, let id = made["id"].stringValue else { throw TestFailure("not kept: \(made.text)") }
        return id
    }

    /// Saves a workflow anew.
    func save(_ workflow: String, _ call: JSON, _ more: [String: JSON] = [:]) throws {
        let saved = try stack.send("PUT", "/api/workflows/\(workflow)", .draft(of: call, more), token: user.token)
        guard saved.status == 200 else { throw TestFailure("not saved: \(saved.text)") }
    }

    /// Queues a run of a workflow and returns its id.
    func start(_ workflow: String, _ input: JSON = [:]) throws -> String {
        let answer = try post("/api/workflows/\(workflow)/execute", ["input": input])
        guard answer.status == 202, let id = answer["id"].stringValue else {
            throw TestFailure("not queued: \(answer.text)")
        }
        return id
    }

    /// Keeps the flow of a call and queues a run of it with the call's input.
    func start(keeping call: JSON) throws -> String { try start(keep(call), call["input"] ?? [:]) }

    /// What its user sees of a run.
    func run(_ id: String) throws -> JSON {
        let answer = try get("/api/executions/\(id)")
        guard answer.status == 200 else { throw TestFailure("no run: \(answer.text)") }
        return answer.json
    }

    /// The run as soon as it stands so; a machine busy with tests is slow.
    func run(_ id: String, _ isSo: (JSON) throws -> Bool) throws -> JSON {
        var run = JSON.null
        try eventually("the state of the run") {
            run = try self.run(id)
            return try isSo(run)
        }
        return run
    }

    /// The run when it is over.
    func end(_ id: String) throws -> JSON { try run(id) { $0["finished_at"] != .null } }

    /// The run when a step of it waits.
    func wait(_ id: String) throws -> JSON { try run(id) { $0["status"] == "waiting" } }

    /// Without a body a signal approves.
    func act(_ verb: String, _ id: String, _ body: JSON? = nil) throws -> HTTPAnswer {
        try post("/api/executions/\(id)/\(verb)", body ?? (verb == "signal" ? ["approved": true] : [:]))
    }

    /// Sends these calls at once, each on a connection of its own.
    func atOnce(_ calls: [(target: String, body: JSON, headers: [(String, String)])]) throws -> [HTTPAnswer] {
        try stack.client.exchange(
            atOnce: calls.map { target, body, headers in
                stack.client.message(
                    "POST", target,
                    headers: [stack.bearer(user.token), ("Content-Type", "application/json")] + headers,
                    body: body.serialized())
            })
    }

    /// A number that the owner of the database reads.
    func count(_ query: SQL) throws -> Int { try stack.database.connect().query(query).only.decode(Int.self) }

    var credits: JSON { get throws { try get("/api/credits").json } }

    /// What is wrong with everybody's ledger; nil: nothing.
    var flawsOfLedger: String? {
        get throws {
            let verified = try stack.command(["ledger", "verify"])
            return verified.status == 0 ? nil : verified.output
        }
    }
}

extension JSON {
    /// What keeps the flow of a call as a workflow.
    static func draft(of call: JSON, _ more: [String: JSON] = [:]) -> JSON {
        var draft = JSONObject([
            .init(name: "name", value: "A workflow"), .init(name: "flow", value: call["flow"] ?? .null),
        ])
        for member in more { draft[member.key] = member.value }
        return .object(draft)
    }

    /// This task with more members.
    func with(_ more: [String: JSON]) -> JSON {
        var members = objectValue ?? JSONObject()
        for member in more { members[member.key] = member.value }
        return .object(members)
    }
}
