import Crypto
import Flows
import HTTP
import JSON
import Postgres
import TestSupport
import Testing

@testable import App

/// The end of an account ends its active runs.
@Suite struct AccountEndTests {
    private let application: TestApplication
    private let user: TestUser
    private let owner: Connection

    init() throws {
        application = try TestApplication()
        user = try application.makeUser()
        owner = application.database.connect()
    }

    private func post(_ path: String, _ body: JSON, token: String? = nil) throws -> HTTPAnswer {
        try application.post(path, body, token: token ?? user.token, headers: [("Prefer", "wait=0")])
    }

    private func makeWorkflow(_ tasks: [JSON]) throws -> String {
        var draft = JSON.flow(tasks).objectValue ?? JSONObject()
        draft["input"] = nil
        draft["name"] = "w"
        return try #require(try post("/api/workflows", .object(draft))["id"].stringValue)
    }

    /// The active runs of the user, or of another user.
    private func activeRuns(of userID: String? = nil) throws -> Int {
        let id = userID ?? user.id
        let active = try application.count("SELECT count(*) FROM queue WHERE user_id = \(id)")
        #expect(
            try application.count("SELECT count(*) FROM executions WHERE user_id = \(id) AND status = 'running'")
                == active)
        return active
    }

    /// Starts runs in every state: one that waits for an approval, one that waits for its child, the child, one with
    /// held credits that waits for a time, and queued ones.
    private func startRuns() throws {
        let child = try makeWorkflow([.task("a", "approval")])
        #expect(try post("/flow-manager", .chain([.task("a", "pass", 1), .task("b", "approval")])).status == 202)
        #expect(
            try post("/flow-manager", .flow([.task("a", "flow.run", ["workflow": .string(child)])])).status == 202)
        let paid = JSON.chain([.task("a", "wait", ["seconds": 3_600]), .task("b", "calc.addition", ["arguments": [1]])])
        #expect(try post("/flow-manager", paid).status == 202)
        try application.work()
        for _ in 0..<3 { #expect(try post("/api/workflows/\(child)/execute", [:]).status == 202) }
        #expect(try activeRuns() == 7)
        #expect(try application.get("/me", token: user.token)["credits"]["held"] != 0)
    }

    private func expectAllEnded(sourceLocation: SourceLocation = #_sourceLocation) throws {
        #expect(try activeRuns() == 0, sourceLocation: sourceLocation)
        let rows = try owner.query(
            """
            SELECT e.status, coalesce(e.error->>'code', ''), e.finished_at IS NOT NULL, coalesce(e.stopped_at, ''),
                coalesce((SELECT string_agg(s.status::text, ' ' ORDER BY s.seq) FROM steps s
                    WHERE s.execution_id = e.id), '')
            FROM executions e WHERE e.user_id = \(user.id) ORDER BY e.id
            """
        ).map { try $0.decode(String.self, String.self, Bool.self, String.self, String.self) }
        #expect(rows.allSatisfy { $0.0 == "canceled" && $0.1 == "account_ended" && $0.2 }, "\(rows)")
        #expect(rows.first?.3 == "b" && rows.first?.4 == "success canceled", "\(rows)")
        let held = try application.count("SELECT held FROM credits WHERE user_id = \(user.id)")
        #expect(held == 0, sourceLocation: sourceLocation)
        _ = try Ledger.verify(on: owner)
    }

    @Test func disablingAUserEndsTheRuns() throws {
        try startRuns()
        let answer = try application.send(
            "PATCH", "/api/users/\(user.id)", ["disabled": true], token: application.adminToken())
        #expect(answer.status == 200, "\(answer.text)")
        try expectAllEnded()
    }

    @Test func deletingAUserEndsTheRuns() throws {
        try startRuns()
        let answer = try application.send("DELETE", "/api/users/\(user.id)", token: application.adminToken())
        #expect(answer.status == 204, "\(answer.text)")
        try expectAllEnded()
    }

    @Test func otherChangesOfAUserEndNoRuns() throws {
        try startRuns()
        let (admin, target) = (try application.adminToken(), "/api/users/\(user.id)")
        #expect(try application.send("PATCH", target, ["name": "Ann"], token: admin).status == 200)
        let other = try application.makeUser()
        #expect(try application.send("DELETE", "/api/users/\(other.id)", token: admin).status == 204)
        #expect(try activeRuns() == 7)
    }

    /// A command has no engine: a worker ends the runs.
    @Test func workersEndTheRunsOfAUserDisabledByACommand() throws {
        try startRuns()
        let users = UserAdministration(
            on: owner, passwords: application.services.passwords, welcome: application.services.welcome)
        try users.disable(user.email)
        #expect(try !endSomeRuns())
        try expectAllEnded()
        // Each end of the account counts: it may be enabled and disabled again.
        try age(by: "2 minutes")
        #expect(try !endSomeRuns() && pendingAccounts() == 0)
        try users.enable(user.email)
        try start(1)
        #expect(try !endSomeRuns() && activeRuns() == 1)
        try users.disable(user.email)
        #expect(try !endSomeRuns() && activeRuns() == 0)
    }

    @Test func workersEndTheRunsOfExpiredGuests() throws {
        try owner.execute("UPDATE users SET role = 'guest', email = NULL, password_hash = NULL WHERE id = \(user.id)")
        try start(2)
        try owner.execute("UPDATE sessions SET expires_at = now() - interval '1 minute' WHERE user_id = \(user.id)")
        try Pruning.run(on: application.connection) { _, _ in }
        #expect(try !endSomeRuns() && activeRuns() == 0)
    }

    /// A call that was authenticated before the end of the account may start a run after it.
    @Test func runsThatBeginAfterTheEndOfTheAccountAreEndedToo() throws {
        try owner.execute("UPDATE users SET disabled_at = now() WHERE id = \(user.id)")
        #expect(try !endSomeRuns() && pendingAccounts() == 1)
        try start(1)
        #expect(try !endSomeRuns() && activeRuns() == 0)
        try age(by: "2 minutes")
        #expect(try !endSomeRuns() && pendingAccounts() == 0)
    }

    /// A statement ends a limited number of runs, and no other user's.
    @Test func manyRunsAreEndedInPortions() throws {
        let other = try application.makeUser()
        try start(1, of: other.id)
        try start(1_201)
        let reported = try application.services.engine.endRuns(ofEndedAccount: user.id, on: application.connection)
        #expect(try reported == 500 && activeRuns() == 701)
        try owner.execute("UPDATE users SET disabled_at = now() WHERE id = \(user.id)")
        while try endSomeRuns() {}
        #expect(try activeRuns() == 0)
        #expect(try activeRuns(of: other.id) == 1)
    }

    /// The worker's next commit fails, and so nothing of the run continues.
    @Test func aRunInAWorkerIsEnded() throws {
        #expect(
            try post("/flow-manager", .chain([.task("a", "wait", ["seconds": 0]), .task("b", "pass")])).status == 202)
        let claim = try #require(try application.services.engine.claim(on: application.connection))
        try owner.execute("UPDATE users SET disabled_at = now() WHERE id = \(user.id)")
        #expect(try !endSomeRuns() && activeRuns() == 0)
        let outcome = try application.services.engine.execute(claim, on: application.connection, Cancellation())
        guard case .lost = outcome else { throw TestFailure("\(outcome)") }
        #expect(try application.count("SELECT count(*) FROM steps") == 0)
    }

    /// A run that a worker commits at this moment is skipped, and ended by the next call.
    @Test func aLockedRunDelaysNoOther() throws {
        try start(3)
        try owner.execute("UPDATE users SET disabled_at = now() WHERE id = \(user.id)")
        let worker = application.database.connectAsApplication()
        try worker.begin()
        try worker.execute("SELECT FROM queue ORDER BY execution_id LIMIT 1 FOR UPDATE")
        #expect(try endSomeRuns() && activeRuns() == 1)
        try worker.commit()
        #expect(try !endSomeRuns() && activeRuns() == 0)
    }

    /// If the account is enabled again before that, the run continues with what it waits for.
    @Test func aLockedRunKeepsTheRunsThatItWaitsFor() throws {
        let child = try makeWorkflow([.task("a", "approval")])
        let tasks = [JSON.task("a", "flow.run", ["workflow": .string(child)])]
        let parent = try #require(try post("/flow-manager", .flow(tasks))["id"].stringValue)
        try application.work()
        #expect(try activeRuns() == 2)
        let worker = application.database.connectAsApplication()
        try worker.begin()
        try worker.execute("SELECT FROM queue WHERE execution_id = \(parent) FOR UPDATE")
        try owner.execute("UPDATE users SET disabled_at = now() WHERE id = \(user.id)")
        #expect(try endSomeRuns() && activeRuns() == 2)
        try worker.commit()
        try owner.execute("UPDATE users SET disabled_at = NULL WHERE id = \(user.id)")
        #expect(try !endSomeRuns() && activeRuns() == 2)
        let waiting = try owner.query("SELECT id FROM executions WHERE parent_id = \(parent)").only.decode(String.self)
        #expect(try post("/api/executions/\(waiting)/signal", ["step": 1, "approved": true]).status == 202)
        try application.work()
        #expect(try application.get("/api/executions/\(parent)", token: user.token)["status"] == "completed")
        try start(1)
        try owner.execute("UPDATE users SET disabled_at = now() WHERE id = \(user.id)")
        #expect(try !endSomeRuns() && activeRuns() == 0)
    }

    private func endSomeRuns() throws -> Bool {
        try AccountEnd.endSomeRuns(by: application.services.engine, on: application.connection)
    }

    /// Inserts runs that wait.
    private func start(_ count: Int, of userID: String? = nil) throws {
        try owner.execute(
            """
            WITH started AS (
                INSERT INTO executions (id, user_id, flow, input, status, created_at)
                SELECT uuid_v7(), \(userID ?? user.id)::uuid, '{}', '{}', 'running', now()
                FROM generate_series(1, \(count))
                RETURNING id, user_id)
            INSERT INTO queue (execution_id, user_id, state, available_at)
            SELECT id, user_id, 'waiting', 'infinity' FROM started
            """)
    }

    /// Moves the end of the account into the past.
    private func age(by interval: String) throws {
        try owner.execute(
            "UPDATE users SET disabled_at = disabled_at - \(interval)::interval WHERE id = \(user.id)")
    }

    private func pendingAccounts() throws -> Int {
        try application.count(
            """
            SELECT count(*) FROM users
            WHERE disabled_at IS NOT NULL AND (runs_ended_at IS NULL OR runs_ended_at < disabled_at)
            """)
    }
}
