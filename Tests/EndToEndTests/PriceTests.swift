import Glibc
import HTTP
import JSON
import Postgres
import TestSupport
import Testing

/// Changes of prices by an admin. The stack has one responder, so that there is one cached price list. Each test
/// changes the price of another operation.
@Suite struct PriceTests {
    private static let own = Result {
        try Stack(settings: ["RESPONDERS": "1", "CLIENT_CREDITS": "7", "GUEST_CREDITS": "0"])
    }

    let stack: Stack
    let admin: String
    let user: TestUser

    init() throws {
        stack = try Self.own.get()
        admin = try stack.adminToken()
        user = try stack.makeUser()
    }

    private func run() throws -> HTTPAnswer {
        try stack.post("/api/operations/addition/run", ["arguments": [1, 2]], token: user.token)
    }

    /// Changes the price of an operation and returns when it applies, which should take less than a second.
    private func change(_ change: JSON, of operation: String, at target: String? = nil) throws {
        let changed = try stack.send("PATCH", target ?? "/api/operations/\(operation)", change, token: admin)
        #expect(changed.status == 200, "\(changed.text)")
        let start = ContinuousClock.now
        while true {
            let current = try stack.get("/api/operations/\(operation)", token: user.token)
            if current["cost"] == changed["cost"], current["active"] == changed["active"] { break }
            poll(nil, 0, 20)
            // A machine busy with tests is slow.
            guard .now - start < .seconds(10) else { throw TestFailure("the old price applies: \(current.text)") }
        }
    }

    @Test func changedPriceAppliesToTheNextCall() throws {
        try change(["cost": 3], of: "addition")
        #expect(try run()["user_balance"] == 4)
        try change(["cost": 4], of: "addition", at: "/api/task-types/calc.addition")
        #expect(try run()["user_balance"] == 0)
        expectProblem(try run(), 402, "insufficient_credits")
        try change(["cost": 0], of: "addition")
        #expect(try run()["user_balance"] == 0, "a free operation needs no credits")
        let records = try stack.get("/api/records", token: user.token)["items"]
        #expect(records.each("amount") == [0, 4, 3], "each record keeps the price at its time")
        let entries = try stack.get("/api/ledger", token: user.token)["items"]
        #expect(entries.each("amount") == [4, 3, 7], "a free operation has no ledger entry")
        let audit = try stack.get("/api/audit?action=price_changed&sort=created_at", token: admin)["items"]
        #expect(
            audit.each("detail").filter { $0["type"] == "calc.addition" }
                == [3, 4, 0].map { ["type": "calc.addition", "cost": JSON($0), "active": true] })
        #expect(try stack.command(["ledger", "verify"]).status == 0)
        #expect(try stack.command(["seed-demo"]).status == 0)
        #expect(
            try stack.get("/api/operations/addition", token: user.token)["cost"] == 0, "seeding keeps the price")
    }

    @Test func inactiveOperationIsRefused() throws {
        try change(["active": false], of: "division")
        let key = ("Idempotency-Key", "off")
        let call = ("/api/operations/division/run", ["arguments": [1, 2]] as JSON)
        expectProblem(try stack.post(call.0, call.1, token: user.token, headers: [key]), 409, "operation_inactive")
        let flow = JSON.flow([.task("a", "pass"), .task("b", "calc.division", ["arguments": [1, 2]])])
        for target in ["/flow-manager", "/api/flows/validate"] {
            let answer = try stack.post(target, flow, token: user.token)
            #expect(answer.status == 422 && answer["errors"].each("pointer") == ["/flow/tasks/1"], "\(answer.text)")
        }
        #expect(try stack.get("/api/credits", token: user.token)["balance"] == 7)
        #expect(try stack.get("/api/executions", token: user.token)["items"] == [])
        try change(["active": true], of: "division")
        let later = try stack.post(call.0, call.1, token: user.token, headers: [key])
        #expect(later["user_balance"] == 2, "the refusal was not stored")
    }

    /// A run cannot be resumed after its task type has been made inactive.
    @Test func runOfAnInactiveTaskTypeIsNotResumed() throws {
        let flow: JSON = [
            "id": "f", "name": "f", "start_task": "a", "conditions": [],
            "tasks": [["name": "a", "type": "calc.square_root", "input": ["arguments": ["x"]]]],
        ]
        expectProblem(try stack.post("/flow-manager", ["flow": flow], token: user.token), 422, "validation_failed")
        let failing: JSON = [
            "id": "f", "name": "f", "start_task": "a", "conditions": [],
            "tasks": [["name": "a", "type": "calc.square_root"]],
        ]
        let run = try stack.post("/flow-manager", ["flow": failing, "input": 1], token: user.token)
        #expect(run.status == 422 && run["status"] == "failed", "\(run.text)")
        try change(["active": false], of: "square_root")
        let target = "/api/executions/\(run["execution_id"].stringValue ?? "")/resume"
        expectProblem(try stack.post(target, [:], token: user.token), 422, "validation_failed")
        try change(["active": true], of: "square_root")
    }

    @Test func everyTaskTypeHasAPrice() throws {
        let target = "/api/task-types/data.store"
        let changed = try stack.send("PATCH", target, ["cost": 2], token: admin)
        #expect(changed["type"] == "data.store" && changed["cost"] == 2 && changed["active"] == true)
        for unknown in ["task1", "store_data", "calc.modulo", "data.stor", "DATA.STORE"] {
            expectProblem(try stack.send("PATCH", "/api/task-types/\(unknown)", ["cost": 2], token: admin), 404)
        }
        expectProblem(try stack.send("PATCH", "/api/operations/calc.addition", ["cost": 2], token: admin), 404)
        let bodies: [(JSON, String)] = [
            (["cost": -1], "/cost"), (["cost": 1.5], "/cost"), (["cost": "5"], "/cost"), (["cost": nil], "/cost"),
            (["cost": 1_000_000_001], "/cost"), (["active": 1], "/active"), (["active": "false"], "/active"),
            (["cost": 1, "price": 1], "/price"),
        ]
        for target in [target, "/api/operations/square_root"] {
            for (body, pointer) in bodies {
                let refused = try stack.send("PATCH", target, body, token: admin)
                expectProblem(refused, 422)
                #expect(pointers(refused) == [pointer], "\(body.text)")
            }
            expectProblem(try stack.send("PATCH", target, ["cost": 0], token: user.token), 403, "forbidden")
            expectChallenge(try stack.send("PATCH", target, ["cost": 0]), "token_missing")
            #expect(try stack.send("PATCH", target, [:], token: admin).status == 200, "changes nothing")
        }
        let costs = try stack.database.connect().query("SELECT cost FROM prices WHERE task_type = 'data.store'")
        #expect(try costs.only.decode(Int.self) == 2)
    }

    @Test func initialCreditsAreConfigurable() throws {
        #expect(try stack.get("/me", token: user.token)["credits"] == ["balance": 7, "held": 0])
        let guest = try stack.post("/api/guests", [:])
        #expect(guest["user"]["credits"] == ["balance": 0, "held": 0])
        let token = try #require(guest["token"].stringValue)
        #expect(try stack.get("/me", token: token).json == guest["user"])
        #expect(try stack.get("/api/ledger", token: token)["items"] == [])
        let call = try stack.post("/api/operations/multiplication/run", ["arguments": [1]], token: token)
        expectProblem(call, 402, "insufficient_credits")
    }
}
