import HTTP
import JSON
import Postgres
import TestSupport
import Testing

@testable import App

/// Approvals after changes of accounts, and what others learn of them.
extension ApprovalTests {
    @Test func aRepeatedDecisionOfAnApproverHasTheStoredAnswer() throws {
        let run = try ask([approver.id])
        let first = try decide(run, by: approver.token, key: "k")
        #expect(first.status == 202, "\(first.text)")
        for _ in 1...2 {
            let again = try decide(run, by: approver.token, key: "k")
            #expect(again.status == 202 && again.text == first.text, "\(again.text)")
            #expect(again.headers["idempotency-replayed"] == "true")
            try application.work()
        }
        #expect(try record(run)["status"] == "completed")
        expectProblem(
            try decide(run, by: approver.token, ["step": 1, "approved": false], key: "k"), 422,
            "idempotency_key_reused")
    }

    /// A key with which nothing was decided is free.
    @Test func aDecisionThatIsRefusedDoesNotUseUpTheKey() throws {
        let run = try ask([approver.id])
        let wrong: JSON = ["step": 2, "approved": true]
        expectProblem(try decide(run, by: approver.token, wrong, key: "k"), 409, "execution_not_waiting")
        #expect(try decide(run, by: approver.token, key: "k").status == 202)
    }

    @Test func onlyTheEmailThatTheAdminHasReadIsConfirmed() throws {
        let target = "/api/users/\(approver.id)"
        let unnamed = try application.send("PATCH", target, ["email_confirmed": true], token: admin)
        expectProblem(unnamed, 422, "validation_failed")
        #expect(unnamed["errors"].each("pointer") == ["/email"], "\(unnamed.text)")
        let read = try application.get(target, token: admin)
        let change = try application.send(
            "PATCH", "/me",
            ["email": .string("other.\(approver.email)"), "current_password": .string(approver.password)],
            token: approver.token)
        #expect(change.status == 200, "\(change.text)")
        let late: JSON = ["email": read["email"], "email_confirmed": true]
        expectProblem(try application.send("PATCH", target, late, token: admin), 422, "validation_failed")
        #expect(try application.get(target, token: admin)["email_confirmed"] == false)
        #expect(try application.send("PATCH", target, ["email_confirmed": false], token: admin).status == 200)
    }

    @Test func theDecisionOfAnAdminAboutTheRunOfAUserIsAudited() throws {
        let id = try #require(try application.get("/me", token: admin)["id"].stringValue)
        let runs = try [ask(["admin"]), ask(["admin"]), ask([approver.id]), ask(nil)]
        #expect(try decide(runs[0], by: admin).status == 202)
        #expect(try decide(runs[1], by: admin, ["step": 1, "approved": false], key: "k").status == 202)
        expectProblem(try decide(runs[2], by: admin), 403, "forbidden")
        #expect(try decide(runs[2], by: approver.token).status == 202)
        #expect(try decide(runs[3], by: owner.token).status == 202)
        let entries = try application.get("/api/audit?action=approval_decided&limit=100", token: admin)["items"]
        #expect(Set(entries.each("subject")) == [.string(runs[0]), .string(runs[1])], "\(entries.text)")
        #expect(Set(entries.each("actor")) == [.string(id)])
        let details: Set<JSON> = [
            ["user": .string(owner.id), "approved": true], ["user": .string(owner.id), "approved": false],
        ]
        #expect(Set(entries.each("detail")) == details, "\(entries.text)")
    }

    /// Afterwards the answer is the same whether an account has the e-mail or not.
    @Test func guessesOfEmailsAreLimited() throws {
        try confirm(approver)
        for number in 0..<Approvers.unknownEmails.calls {
            #expect(try failure(ask([approver.email])) == nil, "hits are not limited")
            #expect(try failure(ask(["guess-\(number)@example.org"])) == "approver_unknown")
        }
        for text in [approver.email, "guess@example.org"] {
            #expect(try failure(ask([text])) == "too_many_unknown_approvers")
        }
        #expect(try failure(ask([approver.id])) == nil)
        try application.database.connect().execute(
            "UPDATE rate_limits SET window_start = window_start - interval '1 hour'")
        #expect(try failure(ask([approver.email])) == nil)
    }

    @Test func approversWhoEndAtTheSameTimeLeaveTheRequestToTheAdmins() throws {
        let second = try application.makeUser()
        let run = try ask([approver.id, second.id])
        let end = { (user: TestUser) -> SQL in "UPDATE users SET disabled_at = now() WHERE id = \(user.id)" }
        let (database, other) = (application.database, end(second))
        let first = try HeldRows(end(approver), in: database)
        let count = try first.commit(whileWaiting: { try database.connect().execute(other) })
        #expect(count == 1)
        #expect(try inbox(admin) == [run])
        #expect(try decide(run, by: admin).status == 202)
    }
}
