import HTTP
import JSON
import Postgres
import TestSupport
import Testing

/// Credits for flows: each of the calculator's tasks costs five credits.
@Suite struct CreditRunTests {
    let stack: Stack
    let caller: RunCaller

    init() throws {
        stack = try Stack.shared.get()
        caller = try RunCaller(stack)
    }

    private static let sum = JSON.task("s", "calc.addition", ["arguments": [1, 2]])

    private func sums(_ count: Int) -> JSON {
        .chain((0..<count).map { .task("s\($0)", "calc.addition", ["arguments": [1, 2]]) })
    }

    private func expectCredits(
        _ balance: Int64, held: Int64 = 0, _ comment: String = "", sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        #expect(
            try caller.credits == ["balance": .integer(balance), "held": .integer(held)], "\(comment)",
            sourceLocation: sourceLocation)
        #expect(try caller.flawsOfLedger == nil, sourceLocation: sourceLocation)
    }

    @Test func validationReturnsTheMaximumCost() throws {
        func cost(_ call: JSON) throws -> JSON { try caller.post("/api/flows/validate", call)["max_cost"] }
        #expect(try cost(sums(3)) == 15)
        #expect(try cost(.demoFlow) == 0)
        // A loop with three rounds: the sum may run once more than the task that has the limit.
        let sum = JSON.task("s", "calc.addition", ["arguments": [1, 2]])
        let limited = JSON.task("p", "pass").with(["max_visits": 3])
        let loop = JSON.flow([sum, limited], [.condition("s", "p", "end"), .condition("p", "s", "end")])
        #expect(try cost(loop) == 20)
        let more = JSON.task("more", "calc.addition", ["arguments": [1, 2]])
        let longer = JSON.flow([sum, limited, more], [.condition("s", "p", "more"), .condition("p", "s", "end")])
        #expect(try cost(longer) == 25)
        expectProblem(try caller.post("/flow-manager", longer), 402, "insufficient_credits")
        // A task that is never reached costs nothing.
        #expect(try cost(JSON.flow([sum, more])) == 5)
        let answer = try caller.post("/flow-manager", loop)
        #expect(answer["status"] == "failed" && answer["stopped_at"] == "p", "\(answer.text)")
        #expect(answer["credits_charged"] == 20)
        try expectCredits(0)
    }

    @Test func rejectsRunsWithoutEnoughCredits() throws {
        let store = JSON.task("before", "data.store", ["name": "x", "value": 1])
        let flow = JSON.chain([store] + (0..<5).map { .task("s\($0)", "calc.addition", ["arguments": [1, 2]]) })
        expectProblem(try caller.post("/flow-manager", flow), 402, "insufficient_credits")
        let waiting = JSON.chain(
            [.task("w", "wait", ["seconds": 0])]
                + (0..<5).map { .task("s\($0)", "calc.addition", ["arguments": [1, 2]]) })
        expectProblem(try caller.post("/flow-manager", waiting), 402, "insufficient_credits")
        let workflow = try caller.keep(flow)
        expectProblem(try caller.post("/api/workflows/\(workflow)/execute"), 402, "insufficient_credits")
        #expect(try caller.get("/api/executions")["items"] == [])
        #expect(try caller.get("/api/data")["items"] == [])
        #expect(try caller.get("/api/ledger")["items"].arrayValue?.count == 1)
        try expectCredits(20)
    }

    @Test func chargesSuccessfulStepsOnly() throws {
        let flow = JSON.flow(
            [
                .task("a", "calc.addition", ["arguments": [1, 2]]),
                .task("b", "calc.division", ["arguments": [1, "{{ $.input.zero }}"]]),
                .task("c", "calc.addition", ["arguments": [1, 2]]),
            ], [.condition("a", "b", "end"), .condition("b", "c", "END_FAILED")], input: ["zero": 0])
        let called = try caller.post("/flow-manager", flow)
        #expect(called.status == 422 && called["credits_charged"] == 5)
        try expectCredits(15)
        let run = try caller.end(caller.start(keeping: flow))
        #expect(run["status"] == "failed" && run["credits_charged"] == 5)
        #expect(run["steps"]?.each("cost") == [5, 0])
        try expectCredits(10)
        let entries = try caller.get("/api/ledger?sort=created_at&limit=100")["items"]
        let moves = zip(entries.each("debit"), entries.each("credit")).map { "\($0.text) \($1.text)" }
        #expect(
            moves == [
                "\"issued\" \"available\"", "\"available\" \"revenue\"", "\"available\" \"held\"",
                "\"held\" \"revenue\"", "\"held\" \"available\"",
            ])
    }

    @Test func cancelReleasesCreditsAndResumeHoldsThemAgain() throws {
        let id = try caller.start(
            keeping: .chain([
                .task("a", "calc.addition", ["arguments": [1, 2]]), .task("w", "approval"),
                .task("b", "calc.addition", ["arguments": [1, 2]]),
            ]))
        _ = try caller.wait(id)
        try expectCredits(10, held: 5)
        #expect(try caller.act("cancel", id)["credits_charged"] == 5)
        try expectCredits(15)
        #expect(try caller.act("resume", id).status == 202)
        _ = try caller.wait(id)
        #expect(try caller.act("signal", id).status == 202)
        let run = try caller.end(id)
        #expect(run["status"] == "completed" && run["credits_charged"] == 10)
        try expectCredits(10)
        let forked = try caller.act("fork", id, ["step": 4])
        #expect(try caller.end(forked["id"].stringValue ?? "")["credits_charged"] == 5, "copied steps are free")
        try expectCredits(5)
        let last = try caller.act("fork", id, ["step": 4])
        #expect(last.status == 202, "only the repeated step must be covered: \(last.text)")
        #expect(try caller.end(last["id"].stringValue ?? "")["credits_charged"] == 5)
        try expectCredits(0)
        expectProblem(try caller.act("fork", id, ["step": 4]), 402, "insufficient_credits")
        try expectCredits(0)
    }

    @Test func resumeRequiresEnoughCredits() throws {
        let id = try caller.start(
            keeping: .chain([.task("w", "approval"), .task("b", "calc.addition", ["arguments": [1, 2]])]))
        _ = try caller.wait(id)
        let canceled = try caller.act("cancel", id)
        for _ in 0..<4 { #expect(try caller.post("/flow-manager", sums(1)).status == 200) }
        expectProblem(try caller.act("resume", id), 402, "insufficient_credits")
        #expect(try caller.run(id) == canceled.json)
        try expectCredits(0)
    }

    @Test func concurrentRunsDoNotOverdrawTheBalance() throws {
        let workflow = try caller.keep(sums(1))
        let path = "/api/workflows/\(workflow)/execute"
        let answers = try caller.atOnce(Array(repeating: (path, [:], []), count: 20))
        let accepted = answers.filter { $0.status == 202 }
        #expect(accepted.count == 4)
        for answer in answers where answer.status != 202 { expectProblem(answer, 402, "insufficient_credits") }
        for answer in accepted { #expect(try caller.end(answer["id"].stringValue ?? "")["credits_charged"] == 5) }
        #expect(try caller.get("/api/workflows/\(workflow)/executions")["items"].arrayValue?.count == 4)
        try expectCredits(0)
    }

    @Test func childRunsAreChargedForTheirOwnSteps() throws {
        let child = try caller.keep(sums(1))
        let run = JSON.task("r", "flow.run", ["workflow": .string(child)])
        let id = try caller.start(keeping: .flow([run]))
        #expect(try caller.end(id)["status"] == "completed")
        try expectCredits(15)
        let items = JSON.array(Array(repeating: 1, count: 4))
        let map = JSON.task("m", "map", ["items": items, "workflow": .string(child)])
        let store = JSON.task("k", "data.store", ["name": "kept", "value": 1])
        // The runs of the step are known, so they have to be covered at the start.
        expectProblem(try caller.post("/flow-manager", .chain([store, map])), 402, "insufficient_credits")
        let named = JSON.task("n", "pass", ["items": items, "workflow": .string(child)])
        let failed = try caller.end(caller.start(keeping: .chain([store, named, .task("m", "map")])))
        #expect(failed["status"] == "failed" && failed["error"]?["code"] == "insufficient_credits", "\(failed.text)")
        #expect(try caller.get("/api/data/kept")["value"] == 1)
        try expectCredits(15)
    }

    /// A new price applies to runs that are queued after the change.
    @Test func runsKeepThePriceOfTheirQueueTime() throws {
        let stack = try Stack(settings: ["RESPONDERS": "1"])
        let caller = try RunCaller(stack)
        let admin = try stack.adminToken()
        let workflow = try caller.keep(.chain([.task("w", "approval"), Self.sum]))
        let id = try caller.start(workflow)
        _ = try caller.wait(id)
        #expect(try stack.send("PATCH", "/api/operations/addition", ["cost": 7], token: admin).status == 200)
        #expect(try caller.act("signal", id).status == 202)
        #expect(try caller.end(id)["credits_charged"] == 5)
        #expect(try caller.credits == ["balance": 15, "held": 0])
        #expect(try caller.flawsOfLedger == nil)
    }
}
