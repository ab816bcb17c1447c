import HTTP
import JSON
import Postgres
import TestSupport
import Testing

@testable import App

/// Who sees and decides the approvals that a task asks for.
@Suite struct ApprovalTests {
    let application: TestApplication
    let owner: TestUser
    let approver: TestUser
    let admin: String

    init() throws {
        application = try TestApplication()
        owner = try application.makeUser()
        approver = try application.makeUser()
        admin = try application.adminToken()
    }

    /// A run of the owner that waits for these approvers; nil: the task names none.
    func ask(_ approvers: [String]?) throws -> String {
        var input = JSONObject([.init(name: "message", value: "Pay?")])
        if let approvers { input["approvers"] = .array(approvers.map(JSON.string)) }
        let flow = JSON.flow([.task("a", "approval", .object(input))])
        let answer = try application.post(
            "/flow-manager", flow, token: owner.token, headers: [("Prefer", "respond-async")])
        try application.work()
        return try #require(answer["id"].stringValue, "\(answer.text)")
    }

    func decide(
        _ run: String, by token: String, _ signal: JSON = ["step": 1, "approved": true], key: String? = nil
    ) throws -> HTTPAnswer {
        try application.post(
            "/api/executions/\(run)/signal", signal, token: token,
            headers: [("Prefer", "wait=0")] + (key.map { [("Idempotency-Key", $0)] } ?? []))
    }

    func record(_ run: String) throws -> HTTPAnswer {
        try application.get("/api/executions/\(run)", token: owner.token)
    }

    /// The runs in the caller's inbox.
    func inbox(_ token: String) throws -> [String] {
        try application.get("/api/approvals?limit=100", token: token)["items"].each("execution_id")
            .compactMap(\.stringValue)
    }

    func confirm(_ user: TestUser, _ isConfirmed: Bool = true) throws {
        let answer = try application.send(
            "PATCH", "/api/users/\(user.id)",
            ["email": .string(user.email), "email_confirmed": .bool(isConfirmed)], token: admin)
        #expect(answer.status == 200 && answer["email_confirmed"] == .bool(isConfirmed), "\(answer.text)")
    }

    func failure(_ run: String) throws -> JSON? { try record(run)["steps"].each("error").first?["code"] }

    @Test func byDefaultTheOwnerDecides() throws {
        let run = try ask(nil)
        #expect(try inbox(owner.token) == [run])
        #expect(try inbox(approver.token) == [])
        expectProblem(try decide(run, by: approver.token), 404, "not_found")
        expectProblem(try decide(run, by: admin), 403, "forbidden")
        #expect(try decide(run, by: owner.token).status == 202)
        #expect(try inbox(owner.token) == [], "what is decided is no longer in the inbox")
        try application.work()
        #expect(try record(run)["status"] == "completed")
    }

    @Test func theNamedUserDecidesAndSeesNothingElseOfTheRun() throws {
        let run = try ask([approver.id])
        let item = try #require(try application.get("/api/approvals", token: approver.token)["items"].arrayValue?.first)
        #expect(item["message"] == "Pay?" && item["step"] == 1)
        #expect(Set(item.objectValue?.members.map(\.name) ?? []) == ["execution_id", "step", "message", "created_at"])
        expectProblem(try application.get("/api/executions/\(run)", token: approver.token), 404, "not_found")
        expectProblem(try decide(run, by: owner.token), 403, "forbidden")
        expectProblem(try decide(run, by: admin), 403, "forbidden")
        expectProblem(
            try decide(run, by: approver.token, ["step": 2, "approved": true]), 409, "execution_not_waiting")
        expectProblem(try decide(run, by: approver.token, ["step": 1]), 422, "validation_failed")
        expectProblem(try decide(run, by: approver.token, ["approved": true]), 422, "validation_failed")
        let answer = try decide(run, by: approver.token, ["step": 1, "approved": true, "data": ["limit": 5]])
        #expect(answer.status == 202 && answer["steps"] == .null, "\(answer.text)")
        expectProblem(try decide(run, by: approver.token), 409, "execution_not_waiting")
        try application.work()
        let output = try #require(try record(run)["steps"].each("output").first)
        #expect(output["by"] == .string(approver.id) && output["data"] == ["limit": 5] && output["at"] != .null)
        expectProblem(try decide(run, by: approver.token), 404, "not_found")
    }

    @Test func aRefusalIsOnRecordWithItsReason() throws {
        let run = try ask([approver.id])
        #expect(
            try decide(run, by: approver.token, ["step": 1, "approved": false, "data": "too much"]).status == 202)
        try application.work()
        let error = try #require(try record(run)["steps"].each("error").first)
        #expect(error["code"] == "not_approved" && error["details"]?["data"] == "too much")
        #expect(error["details"]?["by"] == .string(approver.id) && error["details"]?["at"] != .null)
    }

    @Test func anEmailCountsOnlyIfItIsConfirmed() throws {
        #expect(try failure(ask([approver.email])) == "approver_unknown")
        try confirm(approver)
        #expect(try decide(ask([approver.email.uppercased()]), by: approver.token).status == 202)
        try confirm(approver, false)
        #expect(try failure(ask([approver.email])) == "approver_unknown")
    }

    /// Who takes over the e-mail of an approver later gains nothing.
    @Test func theEmailIsLookedUpWhenTheWaitBegins() throws {
        try confirm(approver)
        let run = try ask([approver.email])
        let other = "other.\(approver.email)"
        let change = try application.send(
            "PATCH", "/me", ["email": .string(other), "current_password": .string(approver.password)],
            token: approver.token)
        #expect(change.status == 200, "\(change.text)")
        let successor = try application.post(
            "/api/users", ["email": .string(approver.email), "password": "long enough"], token: admin)
        #expect(successor.status == 201 && successor["email_confirmed"] == true, "\(successor.text)")
        let token = try application.token(approver.email, "long enough")
        #expect(try inbox(token) == [])
        expectProblem(try decide(run, by: token), 404, "not_found")
        #expect(
            try failure(ask([other])) == "approver_unknown", "a changed e-mail is not confirmed")
        #expect(try decide(run, by: approver.token).status == 202)
    }

    @Test(arguments: ["nobody@example.org", "01890a5d-ac96-774b-bcce-b302099a8057", "root", ""])
    func unknownApproversFailTheStep(name: String) throws {
        #expect(try failure(ask(["owner", name])) == "approver_unknown")
    }

    @Test func guestsAndEndedAccountsAreNoApprovers() throws {
        let guest = try #require(try application.post("/api/guests", [:], from: "192.0.2.9")["token"].stringValue)
        let id = try #require(try application.get("/me", token: guest)["id"].stringValue)
        #expect(try failure(ask([id])) == "approver_unknown")
        let flow = JSON.flow([.task("a", "approval", ["approvers": ["admin"]])])
        let asked = try application.post("/flow-manager", flow, token: guest, headers: [("Prefer", "respond-async")])
        try application.work()
        let run = try application.get(try #require(asked.headers["location"], "\(asked.text)"), token: guest)
        #expect(run["steps"].each("error").first?["code"] == "not_for_guests", "\(run.text)")
        _ = try application.send("PATCH", "/api/users/\(approver.id)", ["disabled": true], token: admin)
        #expect(try failure(ask([approver.id])) == "approver_unknown")
    }

    @Test func listsThatAreNoApproversAreRefused() throws {
        for list in [[], "admin", .array(Array(repeating: "owner", count: 21)), [1]] as [JSON] {
            let flow = JSON.flow([.task("a", "approval", ["approvers": list])])
            let answer = try application.post("/flow-manager", flow, token: owner.token)
            expectProblem(answer, 422, "validation_failed", list.text)
        }
    }

    @Test func adminsDecideIfTheyAreNamed() throws {
        let run = try ask(["admin"])
        expectProblem(try decide(run, by: owner.token), 403, "forbidden")
        #expect(try inbox(admin) == [run])
        #expect(try inbox(owner.token) == [])
        #expect(try decide(run, by: admin).status == 202)
    }

    @Test func anAdminWhoIsNamedTwiceHasOneRequest() throws {
        let id = try #require(try application.get("/me", token: admin)["id"].stringValue)
        let run = try ask(["admin", id])
        #expect(try inbox(admin) == [run])
    }

    @Test func adminsDecideIfNoApproverIsActiveAnyMore() throws {
        let second = try application.makeUser()
        let (run, kept) = (try ask([approver.id]), try ask([approver.id, second.id]))
        #expect(try inbox(admin) == [])
        let disabled = try application.send("PATCH", "/api/users/\(approver.id)", ["disabled": true], token: admin)
        #expect(disabled.status == 200)
        #expect(try inbox(admin) == [run])
        expectProblem(try decide(kept, by: admin), 403, "forbidden")
        #expect(try application.send("DELETE", "/api/users/\(second.id)", token: admin).status == 204)
        #expect(Set(try inbox(admin)) == [run, kept])
        for run in [run, kept] { #expect(try decide(run, by: admin).status == 202) }
    }

    @Test func oneOwnerHasAHundredOpenRequestsWithAnApprover() throws {
        for _ in 1...Approvers.maximumOpen { _ = try ask([approver.id]) }
        #expect(try inbox(approver.token).count == Approvers.maximumOpen)
        #expect(try failure(ask([approver.id])) == "too_many_approvals")
        #expect(try failure(ask(["owner"])) == nil, "own requests are not limited")
        let stranger = try application.makeUser()
        let flow = JSON.flow([.task("a", "approval", ["approvers": [.string(approver.id)]])])
        let other = try application.post(
            "/flow-manager", flow, token: stranger.token, headers: [("Prefer", "respond-async")])
        try application.work()
        #expect(try inbox(approver.token).contains(other["id"].stringValue ?? ""))
        _ = try decide(inbox(approver.token)[5], by: approver.token)
        #expect(try failure(ask([approver.id])) == nil)
    }

    @Test func theTimeLimitHasAnEdgeOfItsOwn() throws {
        let flow: JSON = .flow(
            [
                .task("a", "approval", ["timeout": 1]), .task("late", "pass", "late"), .task("no", "pass", "no"),
                .task("yes", "pass", "yes"),
            ],
            [
                [
                    "name": "late", "source_task": "a", "when": "$.tasks.a.error[?@ == 'timeout']",
                    "target_task_success": "late", "target_task_failure": "late",
                ],
                .condition("a", "yes", "no"),
            ])
        let answer = try application.post(
            "/flow-manager", flow, token: owner.token, headers: [("Prefer", "respond-async")])
        let run = try #require(answer["id"].stringValue, "\(answer.text)")
        try application.work()
        #expect(try record(run)["steps"].each("output").first?["until"] != nil)
        try application.database.connect().execute(
            """
            UPDATE steps SET output = '{"message":null,"until":"2001-01-01T00:00:00Z"}' WHERE execution_id = \(run)
            """)
        try application.database.connect().execute("UPDATE queue SET available_at = now()")
        try application.work()
        #expect(try record(run)["result"] == "late")
        #expect(try inbox(owner.token) == [])
    }

    @Test func theRowsGoWithTheRun() throws {
        let run = try ask([approver.id])
        #expect(try application.post("/api/executions/\(run)/cancel", [:], token: owner.token).status == 200)
        #expect(try inbox(approver.token) == [])
        #expect(try application.count("SELECT count(*) FROM approvers") == 0)
    }
}
