import HTTP
import JSON
import Postgres
import TestSupport
import Testing

/// Concurrent calls that spend the same credits.
@Suite struct OperationRaceTests {
    let stack: Stack
    let user: TestUser

    init() throws {
        stack = try Stack.shared.get()
        user = try stack.makeUser()
    }

    private func count(_ table: SQL) throws -> Int {
        try stack.database.connect().query("SELECT count(*) FROM \(table) WHERE user_id = \(user.id)").only
            .decode(Int.self)
    }

    private func expectConsistentLedger() throws {
        let verified = try stack.command(["ledger", "verify"])
        #expect(verified.status == 0, "\(verified.output)")
    }

    @Test func onlyAffordableRunsSucceed() throws {
        let calls = Array(repeating: ["arguments": [1, 2]] as JSON, count: 20)
        let answers = try stack.post("/api/operations/addition/run", atOnce: calls, token: user.token)
        let successes = answers.filter { $0.status == 200 }
        #expect(successes.count == 4)
        #expect(successes.compactMap { $0["user_balance"].integerValue }.sorted() == [0, 5, 10, 15])
        for answer in answers where answer.status != 200 { expectProblem(answer, 402, "insufficient_credits") }
        #expect(try stack.get("/api/credits", token: user.token).json == ["balance": 0, "held": 0])
        #expect(try count("records") == 4)
        #expect(try count("executions") == 4)
        #expect(try count("ledger") == 5)
        try expectConsistentLedger()
    }

    @Test func concurrentCallsWithOneKeyAreChargedOnce() throws {
        let body: JSON = ["arguments": [1, 2]]
        let headers = [stack.bearer(user.token), ("Content-Type", "application/json"), ("Idempotency-Key", "race")]
        let message = stack.client.message(
            "POST", "/api/operations/addition/run", headers: headers, body: body.serialized())
        let answers = try stack.client.exchange(atOnce: Array(repeating: message, count: 20))
        let completed = answers.filter { $0.status == 200 }
        #expect(Set(completed.map(\.body)).count == 1)
        #expect(completed.count { $0.headers["idempotency-replayed"] == nil } == 1)
        #expect(answers.allSatisfy { [200, 202, 409].contains($0.status) })
        #expect(try stack.get("/api/credits", token: user.token)["balance"] == 15)
        #expect(try count("ledger") == 2)
    }

    /// Grants to a user and purchases of the user, all at once.
    @Test func concurrentGrantsAndPurchasesAreConsistent() throws {
        let admin = try stack.adminToken()
        let purchases = (0..<20).map { _ in
            stack.client.message(
                "POST", "/api/operations/multiplication/run",
                headers: [stack.bearer(user.token), ("Content-Type", "application/json")],
                body: (["arguments": [2, 3]] as JSON).serialized())
        }
        let grants = (0..<10).map { _ in
            stack.client.message(
                "POST", "/api/credits/grants", headers: [stack.bearer(admin), ("Content-Type", "application/json")],
                body: (["user_id": .string(user.id), "amount": 3] as JSON).serialized())
        }
        let answers = try stack.client.exchange(atOnce: zip(purchases, grants).flatMap { [$0, $1] } + purchases[10...])
        #expect(answers.allSatisfy { [200, 201, 402].contains($0.status) })
        #expect(answers.count { $0.status == 201 } == 10)
        let successes = answers.count { $0.status == 200 }
        #expect((4...10).contains(successes))
        #expect(try stack.get("/api/credits", token: user.token)["balance"] == JSON(50 - 5 * successes))
        try expectConsistentLedger()
    }
}
