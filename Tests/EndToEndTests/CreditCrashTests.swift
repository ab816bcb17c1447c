import Glibc
import HTTP
import JSON
import Postgres
import TestSupport
import Testing

/// Purchases while their responders are killed.
@Suite struct CreditCrashTests {
    @Test func chargesAndRecordsMatchAfterCrashes() throws {
        let stack = try Stack(settings: ["CLIENT_CREDITS": "200"])
        let user = try stack.makeUser()
        let message = stack.client.message(
            "POST", "/api/operations/addition/run",
            headers: [stack.bearer(user.token), ("Content-Type", "application/json")],
            body: (["arguments": [1, 2]] as JSON).serialized())
        var answers: [HTTPAnswer] = []
        for _ in 1...3 {
            let calls = try (0..<20).map { _ in try stack.client.begin(message) }
            let responder = try #require(stack.processes.first { $0.arguments.contains("respond") })
            kill(responder.id, SIGKILL)
            answers += try calls.map { try stack.client.finish($0) }
        }
        // nginx responds in place of the killed responders. On a slow machine the calls exceed the user's share.
        #expect(Set(answers.map(\.status)).isSubset(of: [200, 402, 429, 502, 503, 504]))
        let verified = try stack.command(["ledger", "verify"])
        #expect(verified.status == 0, "\(verified.output)")
        let (balance, charges, records, runs, matches) = try stack.database.connect().query(
            """
            SELECT (SELECT balance FROM credits WHERE user_id = \(user.id)),
                (SELECT count(*) FROM ledger WHERE user_id = \(user.id) AND credit = 'revenue'),
                (SELECT count(*) FROM records WHERE user_id = \(user.id)),
                (SELECT count(*) FROM executions WHERE user_id = \(user.id) AND status = 'completed'),
                NOT EXISTS (
                    SELECT FROM records r
                    FULL JOIN (SELECT * FROM ledger WHERE credit = 'revenue') l USING (execution_id)
                    WHERE r.amount IS DISTINCT FROM l.amount OR r.user_balance IS DISTINCT FROM l.balance)
            """
        ).only.decode(Int.self, Int.self, Int.self, Int.self, Bool.self)
        #expect(balance == 200 - 5 * charges && balance >= 0)
        #expect(charges == records && records == runs && matches)
        #expect(answers.count { $0.status == 200 } <= records, "a response may be lost, but not its record")
    }
}
