import Flows
import HTTP
import JSON
import Postgres
import TestSupport
import Testing

@testable import App

/// What admins may do to runs of other users.
@Suite struct AdminRunTests {
    private let application: TestApplication
    private let user: TestUser
    private let admin: String
    private let adminID: String

    init() throws {
        application = try TestApplication()
        user = try application.makeUser()
        admin = try application.adminToken()
        adminID = try #require(try application.get("/me", token: admin)["id"].stringValue)
    }

    private func post(
        _ path: String, _ body: JSON = [:], by token: String, key: String? = nil, prefer: String = "wait=0"
    ) throws -> HTTPAnswer {
        let headers = [("Prefer", prefer)] + (key.map { [("Idempotency-Key", $0)] } ?? [])
        return try application.post(path, body, token: token, headers: headers)
    }

    private func run(_ id: String, by token: String? = nil) throws -> HTTPAnswer {
        try application.get("/api/executions/\(id)", token: token ?? admin)
    }

    private func makeWorkflow(_ tasks: [JSON], by token: String? = nil) throws -> String {
        var draft = JSON.chain(tasks).objectValue ?? JSONObject()
        draft["input"] = nil
        draft["name"] = "w"
        return try #require(try post("/api/workflows", .object(draft), by: token ?? user.token)["id"].stringValue)
    }

    /// A run of the user that waits for an approval.
    private func waitingRun() throws -> String {
        let id = try #require(
            try post("/flow-manager", .flow([.task("a", "approval")]), by: user.token)["id"].stringValue)
        try application.work()
        return id
    }

    /// The entries of the audit log about this run: action, actor and owner.
    private func audited(_ run: String) throws -> [[String]] {
        try application.database.connect().query(
            "SELECT action, actor, detail->>'user' FROM audit_log WHERE subject = \(run) ORDER BY created_at"
        ).map {
            let (action, actor, owner) = try $0.decode(String.self, String.self, String.self)
            return [action, actor, owner]
        }
    }

    @Test func adminsListAndReadTheRunsOfAllUsers() throws {
        let other = try application.makeUser()
        let runs = try [user.token, other.token, admin].map {
            try post("/flow-manager", .demoFlow, by: $0)["execution_id"]
        }
        let all = try application.get("/api/executions", token: admin)["items"]
        #expect(all.each("id") == runs.reversed())
        #expect(all.each("user_id") == [.string(adminID), .string(other.id), .string(user.id)])
        #expect(all.each("started_by") == all.each("user_id"))
        let filtered = try application.get("/api/executions?user_id=\(user.id)", token: admin)["items"]
        #expect(filtered.each("id") == [runs[0]])
        for (id, owner) in zip(runs, [user.id, other.id]) {
            let read = try run(id.stringValue ?? "")
            #expect(read.status == 200 && read["user_id"] == .string(owner) && read["steps"].arrayValue?.count == 3)
        }
        // The filter shows clients nothing that they may not see.
        #expect(try application.get("/api/executions?user_id=\(other.id)", token: user.token)["items"] == [])
        #expect(try application.get("/api/executions", token: user.token)["items"].each("id") == [runs[0]])
    }

    /// The run belongs to the workflow's owner, and uses the owner's documents and credits.
    @Test func anAdminExecutesTheWorkflowOfAUser() throws {
        let workflow = try makeWorkflow([
            .task("a", "data.fetch", ["name": "mine"]), .task("b", "data.store"),
            .task("c", "calc.addition", ["arguments": [1, 2]]),
        ])
        #expect(try application.send("PUT", "/api/data/mine", ["value": 7], token: user.token).status == 200)
        let (mine, theirs) = (try balance(user.token), try balance(admin))
        let execute = "/api/workflows/\(workflow)/execute"
        let started = try post(execute, by: admin, key: "k")
        #expect(started.status == 202, "\(started.text)")
        let id = try #require(started["id"].stringValue)
        try application.work()
        let record = try run(id)
        #expect(record["status"] == "completed", "\(record.text)")
        #expect(record["user_id"] == .string(user.id) && record["started_by"] == .string(adminID))
        #expect(record.body == (try run(id, by: user.token).body))
        #expect(try balance(user.token) == mine - 5 && balance(admin) == theirs)
        #expect(try application.get("/api/data/result", token: user.token)["value"] == 7)
        #expect(try application.get("/api/data/result", token: admin).status == 404)
        #expect(try audited(id) == [["run_started", adminID, user.id]])
        // The key of the admin's call belongs to the admin.
        let again = try post(execute, by: admin, key: "k")
        #expect(again.status == 200 && again["id"] == .string(id) && again.headers["idempotency-replayed"] == "true")
        #expect(
            try application.get("\(execute.dropLast("execute".count))executions", token: admin)["items"].each("id")
                == [.string(id)])
    }

    private func balance(_ token: String) throws -> Int64 {
        try application.get("/api/credits", token: token)["balance"].integerValue ?? 0
    }

    @Test func theOwnersCreditsLimitARunThatAnAdminStarts() throws {
        let workflow = try makeWorkflow([.task("a", "calc.addition", ["arguments": [1, 2]])])
        try application.database.connect().execute(
            Ledger.charge(try balance(user.token), of: user.id, execution: nil))
        expectProblem(try post("/api/workflows/\(workflow)/execute", by: admin), 402, "insufficient_credits")
        #expect(try application.count("SELECT count(*) FROM audit_log WHERE action = 'run_started'") == 0)
    }

    @Test func anAdminCancelsAndResumesTheRunOfAUser() throws {
        let id = try waitingRun()
        let canceled = try post("/api/executions/\(id)/cancel", by: admin)
        #expect(canceled.status == 200 && canceled["status"] == "canceled", "\(canceled.text)")
        expectProblem(try post("/api/executions/\(id)/cancel", by: admin), 409, "execution_over")
        #expect(try post("/api/executions/\(id)/resume", by: admin).status == 202)
        expectProblem(try post("/api/executions/\(id)/resume", by: admin), 409, "execution_not_resumable")
        #expect(try run(id)["started_by"] == .string(user.id))
        #expect(try audited(id) == [["run_canceled", adminID, user.id], ["run_resumed", adminID, user.id]])
    }

    @Test func anAdminForksTheRunOfAUser() throws {
        let id = try #require(try post("/flow-manager", .demoFlow, by: user.token)["execution_id"].stringValue)
        let forked = try post("/api/executions/\(id)/fork", ["step": 2], by: admin)
        #expect(forked.status == 202, "\(forked.text)")
        try application.work()
        let fork = try #require(forked["id"].stringValue)
        let record = try run(fork, by: user.token)
        #expect(record["status"] == "completed" && record["user_id"] == .string(user.id), "\(record.text)")
        #expect(record["started_by"] == .string(adminID))
        #expect(try audited(fork) == [["run_started", adminID, user.id]])
    }

    /// An approval is the owner's decision, and so is what is on record.
    @Test func adminsCannotSignalOrDeleteTheRunsOfOthers() throws {
        let id = try waitingRun()
        let signal: JSON = ["step": 1, "approved": true]
        expectProblem(try post("/api/executions/\(id)/signal", signal, by: admin), 403, "forbidden")
        #expect(try post("/api/executions/\(id)/cancel", by: admin).status == 200)
        expectProblem(try application.send("DELETE", "/api/executions/\(id)", token: admin), 403, "forbidden")
        #expect(try application.send("DELETE", "/api/executions/\(id)", token: user.token).status == 204)
    }

    @Test func runsThatARunStartsHaveItsStarter() throws {
        let child = try makeWorkflow([.task("a", "pass")])
        let parent = try makeWorkflow([.task("a", "flow.run", ["workflow": .string(child)])])
        let id = try #require(try post("/api/workflows/\(parent)/execute", by: admin)["id"].stringValue)
        try application.work()
        let runs = try application.get("/api/executions?user_id=\(user.id)", token: admin)["items"]
        #expect(runs.each("status") == ["completed", "completed"])
        #expect(runs.each("started_by") == [.string(adminID), .string(adminID)])
        #expect(runs.each("id").last == .string(id))
    }

    /// The end of the account has ended its runs: none may begin.
    @Test func noRunBeginsForAnAccountThatHasEnded() throws {
        let workflow = try makeWorkflow([.task("a", "pass")])
        let id = try waitingRun()
        #expect(try application.send("PATCH", "/api/users/\(user.id)", ["disabled": true], token: admin).status == 200)
        for (path, body) in [
            ("/api/workflows/\(workflow)/execute", [:]), ("/api/executions/\(id)/resume", [:]),
            ("/api/executions/\(id)/fork", ["step": 1]),
        ] as [(String, JSON)] {
            expectProblem(try post(path, body, by: admin), 409, "owner_inactive", path)
            expectProblem(try post(path, body, by: admin, key: path), 409, "owner_inactive", path)
        }
        #expect(try run(id)["error"]["code"] == "account_ended")
        #expect(try application.count("SELECT count(*) FROM queue") == 0)
        #expect(try application.count("SELECT count(*) FROM audit_log WHERE action LIKE 'run%'") == 0)
    }

    /// The key of an admin needs the scope `admin`.
    @Test func keysOfAdminsOperateOnlyWithTheirScope() throws {
        func key(_ scopes: [JSON]) throws -> (id: JSON, token: String) {
            let made = try post("/api/keys", ["name": "k", "scopes": .array(scopes)], by: admin)
            return (made["id"], made["key"].stringValue ?? "")
        }
        let workflow = try makeWorkflow([.task("a", "pass")])
        let id = try waitingRun()
        let plain = try key(["read", "run"]).token
        expectProblem(try run(id, by: plain), 404, "not_found")
        expectProblem(try post("/api/executions/\(id)/cancel", by: plain), 404, "not_found")
        expectProblem(try post("/api/workflows/\(workflow)/execute", by: plain), 404, "not_found")
        #expect(try application.get("/api/executions", token: plain)["items"] == [])
        let (keyID, full) = try key(["read", "run", "admin"])
        #expect(try run(id, by: full).status == 200)
        let started = try post("/api/workflows/\(workflow)/execute", by: full)["id"].stringValue ?? ""
        let record = try run(started, by: full)
        #expect(record["started_by"] == .string(adminID) && record["started_by_key"] == keyID, "\(record.text)")
        #expect(try post("/api/executions/\(id)/cancel", by: full).status == 200)
    }

    /// The audit log has what admins do to others.
    @Test func whatAdminsDoToTheirOwnRunsIsNotAudited() throws {
        let workflow = try makeWorkflow([.task("a", "approval")], by: admin)
        let id = try #require(try post("/api/workflows/\(workflow)/execute", by: admin)["id"].stringValue)
        #expect(try post("/api/executions/\(id)/cancel", by: admin).status == 200)
        #expect(try post("/api/executions/\(id)/resume", by: admin).status == 202)
        #expect(try audited(id) == [])
    }

    @Test func clientsMayNotOperateOnTheRunsOfOthers() throws {
        let workflow = try makeWorkflow([.task("a", "pass")])
        let id = try waitingRun()
        let stranger = try application.makeUser().token
        expectProblem(try post("/api/workflows/\(workflow)/execute", by: stranger), 404, "not_found")
        expectProblem(try application.get("/api/workflows/\(workflow)/executions", token: stranger), 404, "not_found")
        let calls: [(String, JSON)] = [
            ("cancel", [:]), ("resume", [:]), ("fork", ["step": 1]), ("signal", ["step": 1, "approved": true]),
        ]
        for (verb, body) in calls {
            expectProblem(try post("/api/executions/\(id)/\(verb)", body, by: stranger), 404, "not_found", verb)
        }
    }
}
