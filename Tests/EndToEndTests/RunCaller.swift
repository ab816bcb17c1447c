import Glibc
import HTTP
import JSON
import Postgres
import TestSupport

/// A user of a stack who stores workflows, starts runs of them and reads the state of the runs.
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

    /// Stores the flow of a call as a workflow and returns its id.
    func keep(_ call: JSON, _ more: [String: JSON] = [:]) throws -> String {
        let answer = try post("/api/workflows", .draft(of: call, more))
        guard answer.status == 201, let id = answer["id"].stringValue else {
            throw TestFailure("not stored: \(answer.text)")
        }
        return id
    }

    /// Replaces a workflow.
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

    /// Stores the flow of a call as a workflow and queues a run of it with the call's input.
    func start(keeping call: JSON) throws -> String { try start(keep(call), call["input"] ?? [:]) }

    /// Reads a run as its user.
    func run(_ id: String) throws -> JSON {
        let answer = try get("/api/executions/\(id)")
        guard answer.status == 200 else { throw TestFailure("no run: \(answer.text)") }
        return answer.json
    }

    /// Waits until the run meets the condition and returns it.
    func run(_ id: String, _ condition: (JSON) throws -> Bool) throws -> JSON {
        var run = JSON.null
        try eventually("the state of the run") {
            run = try self.run(id)
            return try condition(run)
        }
        return run
    }

    /// Waits until the run has ended and returns it.
    func end(_ id: String) throws -> JSON { try run(id) { $0["finished_at"] != .null } }

    /// Waits until a step of the run waits and returns the run.
    func wait(_ id: String) throws -> JSON { try run(id) { $0["status"] == "waiting" } }

    /// The signal that approves the run's last step.
    private func approval(of id: String) throws -> JSON {
        ["step": try run(id)["steps"]?.each("number").last ?? 1, "approved": true]
    }

    /// Calls an action of a run. Default body of a signal: approval of the last step.
    func act(_ verb: String, _ id: String, _ body: JSON? = nil) throws -> HTTPAnswer {
        try post("/api/executions/\(id)/\(verb)", body ?? (verb == "signal" ? approval(of: id) : [:]))
    }

    /// Sends these calls at once, each on its own connection.
    func atOnce(_ calls: [(target: String, body: JSON, headers: [(String, String)])]) throws -> [HTTPAnswer] {
        try stack.client.exchange(
            atOnce: calls.map { target, body, headers in
                stack.client.message(
                    "POST", target,
                    headers: [stack.bearer(user.token), ("Content-Type", "application/json")] + headers,
                    body: body.serialized())
            })
    }

    /// The number that a query returns to the owner of the database.
    func count(_ query: SQL) throws -> Int { try stack.database.connect().query(query).only.decode(Int.self) }

    var credits: JSON { get throws { try get("/api/credits").json } }

    /// The errors that `ledger verify` finds; nil if there are none.
    var flawsOfLedger: String? {
        get throws {
            let verified = try stack.command(["ledger", "verify"])
            return verified.status == 0 ? nil : verified.output
        }
    }
}

extension JSON {
    /// The body that creates a workflow from the flow of a call.
    static func draft(of call: JSON, _ more: [String: JSON] = [:]) -> JSON {
        var draft = JSONObject([
            .init(name: "name", value: "A workflow"), .init(name: "flow", value: call["flow"] ?? .null),
        ])
        for member in more { draft[member.key] = member.value }
        return .object(draft)
    }

    /// This object with more members.
    func with(_ more: [String: JSON]) -> JSON {
        var members = objectValue ?? JSONObject()
        for member in more { members[member.key] = member.value }
        return .object(members)
    }
}
