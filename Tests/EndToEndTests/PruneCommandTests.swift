import Glibc
import JSON
import Postgres
import TestSupport
import Testing

/// `flow-manager prune`, while the program serves and while it does not.
@Suite struct PruneCommandTests {
    @Test func deletesOnlyExpiredRows() throws {
        // A separate stack, so that the expired rows are known.
        let stack = try Stack()
        let user = try stack.makeUser()
        let old = try stack.token(user.email, user.password)
        let session = try Forgery(of: old).payload["sid"]?.stringValue
        try stack.database.connect().execute(
            "UPDATE sessions SET ended_at = now() - interval '2 days' WHERE id = \(optional: session)")
        let result = try stack.command(["prune"])
        #expect(result.status == 0)
        let lines = result.output.split(separator: "\n").map { $0.split(separator: " ") }
        #expect(lines.count > 5 && lines.allSatisfy { $0.count == 2 })
        #expect(lines.first { $0[0] == "sessions" }?[1] == "1", "\(result.output)")
        #expect(lines.count { $0[1] != "0" } == 1, "\(result.output)")
        expectChallenge(try stack.get("/me", token: old), "token_invalid")
        #expect(try stack.get("/me", token: user.token).status == 200)
        #expect(!(try stack.command(["prune"])).output.contains(" 1\n"))
    }

    /// Months that are older than `RETENTION`, and guests that have expired, without a worker that does it.
    @Test func dropsOldMonthsAndGuestsWhileNothingServes() throws {
        let stack = try Stack()
        let user = try stack.makeUser()
        try stack.database.makePastMonths()
        let guest = try stack.post("/api/guests", [:])
        let guestID = try #require(guest["user"]["id"]?.stringValue, "\(guest.text)")
        func run(by token: String) throws -> String {
            let answer = try stack.post("/flow-manager", .demoFlow, token: token)
            return try #require(answer["execution_id"].stringValue, "\(answer.text)")
        }
        let (old, young) = (try run(by: user.token), try run(by: user.token))
        _ = try run(by: guest["token"].stringValue ?? "")
        let supervisor = try #require(stack.processes.first { $0.arguments.dropFirst().first == "serve" })
        kill(supervisor.id, SIGTERM)
        try eventually("the program has ended") {
            !stack.processes.contains { $0.arguments.first == supervisor.arguments.first }
        }

        let owner = stack.database.connect()
        let aged = try stack.database.age(old, days: 100)
        let month = try owner.query("SELECT to_char(time_of(\(aged)), 'YYYY_MM')").only.decode(String.self)
        try owner.pipeline([
            "UPDATE sessions SET expires_at = now() - interval '2 days' WHERE user_id = \(guestID)",
            "UPDATE guests SET expires_at = now() - interval '2 days' WHERE user_id = \(guestID)",
        ])
        func kept() throws -> [String] {
            try owner.query("SELECT id FROM executions ORDER BY id").map { try $0.decode(String.self) }
        }
        func hasMonth() throws -> Bool {
            try !owner.query("SELECT FROM pg_class WHERE relname = 'steps_' || \(month)").isEmpty
        }
        #expect(try stack.command(["prune"]).status == 0)
        #expect(try kept() == [aged, young] && hasMonth(), "without RETENTION, only the guest has expired")
        #expect(try owner.query("SELECT FROM users WHERE id = \(guestID) AND deleted_at IS NOT NULL").count == 1)
        let pruned = try stack.command(["prune"], settings: ["RETENTION": "60"])
        #expect(pruned.status == 0, "\(pruned.output)")
        #expect(try kept() == [young], "\(pruned.output)")
        #expect(try !hasMonth())
    }
}
