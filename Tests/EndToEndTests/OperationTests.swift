import HTTP
import JSON
import Postgres
import TestSupport
import Testing

/// Operations: responses, prices, and errors.
@Suite struct OperationTests {
    let stack: Stack
    let user: TestUser

    init() throws {
        stack = try Stack.shared.get()
        user = try stack.makeUser()
    }

    private func run(
        _ type: String, _ arguments: JSON, token: String? = nil, key: String? = nil
    ) throws -> HTTPAnswer {
        try stack.post(
            "/api/operations/\(type)/run", ["arguments": arguments], token: token ?? user.token,
            headers: key.map { [("Idempotency-Key", $0)] } ?? [])
    }

    private func grant(_ amount: Int) throws {
        let grant: JSON = ["user_id": .string(user.id), "amount": JSON(amount)]
        #expect(try stack.post("/api/credits/grants", grant, token: stack.adminToken()).status == 201)
    }

    /// The user's balance, and the numbers of runs, records and ledger entries.
    private func balanceAndCounts() throws -> [Int] {
        let row = try stack.database.connect().query(
            """
            SELECT (SELECT balance FROM credits WHERE user_id = \(user.id)),
                (SELECT count(*) FROM executions WHERE user_id = \(user.id)),
                (SELECT count(*) FROM records WHERE user_id = \(user.id)),
                (SELECT count(*) FROM ledger WHERE user_id = \(user.id))
            """
        ).only
        let (balance, runs, records, entries) = try row.decode(Int.self, Int.self, Int.self, Int.self)
        return [balance, runs, records, entries]
    }

    @Test func operationsAreListedWithTheirPrices() throws {
        let list = try stack.get("/api/operations", token: user.token)
        #expect(
            list["items"].each("type") == [
                "addition", "subtraction", "multiplication", "division", "square_root", "random_string",
            ])
        #expect(list["items"].arrayValue?.allSatisfy { $0["cost"] == 5 && $0["active"] == true } == true)
        let one = try stack.get("/api/operations/square_root", token: user.token)
        #expect(one.json == list["items"].arrayValue?[4])
        #expect(one["task_type"] == "calc.square_root" && one["summary"] == "Computes the square root of a number")
        expectProblem(try stack.get("/api/operations/Addition", token: user.token), 404)
        expectChallenge(try stack.get("/api/operations"), "token_missing")
        let types = try stack.get("/api/task-types")["items"].arrayValue ?? []
        #expect(types.first { $0["type"] == "calc.addition" }?["cost"] == 5)
        #expect(types.first { $0["type"] == "pass" }?["cost"] == 0)
        // This installation runs no programs.
        #expect(types.allSatisfy { $0["active"] == .bool($0["type"] != "exec") })
    }

    @Test func operationsReturnResultsAndCharge() throws {
        try grant(20)
        let cases: [(type: String, arguments: JSON, result: JSON)] = [
            ("addition", [1, 2], 3), ("subtraction", [10, 4, 1], 5), ("multiplication", [1.5, 2], 3),
            ("division", [7, 2], 3.5), ("square_root", [144], 12),
            ("addition", [9_223_372_036_854_775_807, 1], .unsigned(9_223_372_036_854_775_808)),
        ]
        for (number, (type, arguments, result)) in cases.enumerated() {
            let answer = try run(type, arguments)
            #expect(answer.status == 200, "\(answer.text)")
            #expect(answer.json.names == ["result", "user_balance", "record_id"])
            #expect(answer["result"].doubleValue == result.doubleValue, "\(type)")
            #expect(answer["user_balance"] == JSON(35 - 5 * number))
        }
        let text = try run("random_string", [12])["result"].stringValue ?? ""
        #expect(text.count == 12 && text.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber) })
        #expect(try balanceAndCounts() == [5, 7, 7, 9])
    }

    /// The record, the ledger entry and the run of one call are committed together, and agree.
    @Test func callIsRecordedInOneCommit() throws {
        let answer = try run("division", [1, 4])
        let record = try stack.get("/api/records/\(answer["record_id"].stringValue ?? "")", token: user.token)
        #expect(record["operation"] == "division" && record["arguments"] == [1, 4] && record["result"] == 0.25)
        #expect(record["amount"] == 5 && record["user_balance"] == 15 && record["user_id"] == .string(user.id))
        let run = try stack.get("/api/executions/\(record["execution_id"].stringValue ?? "")", token: user.token)
        #expect(run["status"] == "completed" && run["result"] == ["result": 0.25] && run["flow_name"] == "division")
        let entry = try stack.get("/api/ledger?limit=1", token: user.token)["items"].arrayValue?.first
        #expect(entry?["execution_id"] == record["execution_id"] && entry?["amount"] == 5 && entry?["balance"] == 15)
        #expect(entry?["debit"] == "available" && entry?["credit"] == "revenue")
        let transactions = try stack.database.connect().query(
            """
            SELECT count(DISTINCT xmin::text) FROM (
                SELECT xmin FROM records WHERE user_id = \(user.id)
                UNION ALL SELECT xmin FROM executions WHERE user_id = \(user.id)
                UNION ALL SELECT xmin FROM credits WHERE user_id = \(user.id)
                UNION ALL SELECT xmin FROM ledger WHERE user_id = \(user.id) AND seq = 2) AS rows
            """)
        #expect(try transactions.only.decode(Int.self) == 1)
    }

    @Test func invalidRequestsAreRefused() throws {
        let many = JSON.array(Array(repeating: 1, count: 1_001))
        let cases: [(type: String, body: JSON, pointer: String)] = [
            ("addition", [:], "/arguments"), ("addition", ["arguments": nil], "/arguments"),
            ("addition", ["arguments": [:]], "/arguments"), ("addition", ["arguments": 1], "/arguments"),
            ("addition", ["arguments": []], "/arguments"), ("addition", ["arguments": many], "/arguments"),
            ("addition", ["arguments": [1, "2"]], "/arguments/1"), ("addition", ["arguments": [[1]]], "/arguments/0"),
            ("addition", ["arguments": [true]], "/arguments/0"), ("addition", ["arguments": [nil]], "/arguments/0"),
            ("addition", ["arguments": [1], "amount": 0], "/amount"),
            ("addition", ["arguments": [1], "user_id": .string(user.id)], "/user_id"),
            ("subtraction", ["arguments": [1]], "/arguments"), ("division", ["arguments": [1]], "/arguments"),
            ("division", ["arguments": [1, 2, 3]], "/arguments"), ("square_root", ["arguments": []], "/arguments"),
            ("square_root", ["arguments": [1, 2]], "/arguments"), ("random_string", ["arguments": []], "/arguments"),
            ("random_string", ["arguments": [1, 2]], "/arguments"),
            ("random_string", ["arguments": [0]], "/arguments/0"),
            ("random_string", ["arguments": [1_001]], "/arguments/0"),
            ("random_string", ["arguments": [1.5]], "/arguments/0"),
        ]
        for (type, body, pointer) in cases {
            let answer = try stack.post("/api/operations/\(type)/run", body, token: user.token)
            expectProblem(answer, 422, "validation_failed", "\(type) \(body.text.prefix(80))")
            #expect(pointers(answer) == [pointer], "\(type) \(body.text.prefix(80))")
        }
        let raw: [(body: String, type: String, status: Int)] = [
            ("", "application/json", 400), ("{", "application/json", 400),
            (#"{"arguments":[1e400]}"#, "application/json", 400),
            (#"{"arguments":[NaN]}"#, "application/json", 400),
            (#"{"arguments":[1],"arguments":[2]}"#, "application/json", 400),
            (#"{"arguments":[1]}"#, "text/plain", 415), ("arguments=1", "application/x-www-form-urlencoded", 415),
        ]
        for (body, type, status) in raw {
            let answer = try stack.client.send(
                "POST", "/api/operations/addition/run",
                headers: [stack.bearer(user.token), ("Content-Type", type)], body: Array(body.utf8))
            expectProblem(answer, status, nil, body)
        }
        for type in ["modulo", "calc.addition", "ADDITION", "addition%20", "'"] {
            expectProblem(try run(type, [1, 2]), 404, nil, type)
        }
        #expect(try stack.get("/api/operations/addition/run", token: user.token).status == 405)
        expectChallenge(try stack.post("/api/operations/addition/run", ["arguments": [1, 2]]), "token_missing")
        #expect(try balanceAndCounts() == [20, 0, 0, 1])
    }

    /// The failed run is stored. It is not charged, and no record of the operation is created.
    @Test(
        arguments: [
            ("division", [1, 0], "division_by_zero"), ("division", [1, -0.0], "division_by_zero"),
            ("square_root", [-1], "negative_number"), ("multiplication", [1e308, 10], "out_of_range"),
        ] as [(String, JSON, String)])
    func failedOperationIsNotCharged(type: String, arguments: JSON, code: String) throws {
        expectProblem(try run(type, arguments), 422, code)
        let stored = try run(type, arguments, key: "failing")
        expectProblem(stored, 422, code)
        let repeated = try run(type, arguments, key: "failing")
        #expect(repeated.body == stored.body && repeated.headers["idempotency-replayed"] == "true")
        #expect(try stack.get("/api/executions", token: user.token)["items"].each("status") == ["failed", "failed"])
        #expect(try balanceAndCounts() == [20, 2, 0, 1])
    }

    @Test func operationIsRefusedWithoutCredits() throws {
        for balance in [15, 10, 5, 0] { #expect(try run("addition", [1, 2])["user_balance"] == JSON(balance)) }
        let refused = try run("addition", [1, 2])
        expectProblem(refused, 402, "insufficient_credits")
        let stored = try run("addition", [1, 2], key: "poor")
        expectProblem(stored, 402, "insufficient_credits")
        #expect(try balanceAndCounts() == [0, 4, 4, 5])
        try grant(4)
        expectProblem(try run("addition", [1, 2]), 402, "insufficient_credits")
        try grant(1)
        #expect(try run("addition", [1, 2], key: "poor").body == stored.body, "the stored response")
        #expect(try run("addition", [1, 2])["user_balance"] == 0)
        let admin = unique("admin")
        #expect(try stack.command(["user", "add", admin, "--admin"], input: "long enough").status == 0)
        let token = try stack.token(admin, "long enough")
        expectProblem(try run("addition", [1, 2], token: token), 402, "insufficient_credits")
    }

    @Test func idempotencyKeyIsChargedOnce() throws {
        let first = try run("addition", [1, 2], key: "once")
        #expect(first["user_balance"] == 15)
        let repeated = try run("addition", [1, 2], key: "once")
        #expect(repeated.body == first.body && repeated.headers["idempotency-replayed"] == "true")
        expectProblem(try run("addition", [1, 3], key: "once"), 422, "idempotency_key_reused")
        expectProblem(try run("addition", [], key: "wrong"), 422, "validation_failed")
        #expect(try run("addition", [1, 3], key: "other")["user_balance"] == 10)
        #expect(try balanceAndCounts() == [10, 2, 2, 3])
    }

    @Test func guestsAndAPIKeysCanRunOperations() throws {
        let address = "127.\(Int.random(in: 1...255)).\(Int.random(in: 0...255)).\(Int.random(in: 1...254))"
        let guest = try stack.client.from(address).send("POST", "/api/guests")["token"].stringValue
        #expect(try run("addition", [1, 2], token: guest)["user_balance"] == 45)
        let key = try stack.post("/api/keys", ["name": "k", "scopes": ["run"]], token: user.token)["key"].stringValue
        #expect(try run("addition", [1, 2], token: key)["user_balance"] == 15)
    }
}
