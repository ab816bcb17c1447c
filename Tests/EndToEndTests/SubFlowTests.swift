import Glibc
import HTTP
import JSON
import Postgres
import TestSupport
import Testing

/// Runs that start other runs.
@Suite struct SubFlowTests {
    let caller: RunCaller

    init() throws { caller = try RunCaller(Stack.shared.get()) }

    private func run(_ workflow: String, _ input: JSON = [:]) -> JSON {
        .task("run", "flow.run", ["workflow": .string(workflow), "input": input])
    }

    private func map(_ items: [JSON], _ workflow: String, _ more: [String: JSON] = [:]) -> JSON {
        .task("map", "map", (["items": .array(items), "workflow": .string(workflow)] as JSON).with(more))
    }

    @Test func resultOfTheChildRunIsTheOutputOfTheStep() throws {
        let child = try caller.keep(.chain([.task("a", "pass"), .task("b", "calc.addition")]))
        let id = try caller.start(keeping: .chain([run(child, ["arguments": [1, 2]]), .task("c", "pass")]))
        let parent = try caller.end(id)
        #expect(parent["status"] == "completed" && parent["result"] == ["result": 3])
        #expect(parent["steps"]?.each("type") == ["flow.run", "pass"])
        let list = try caller.get("/api/executions?parent_id=\(id)")["items"]
        let started = try caller.run(list.each("id").first?.stringValue ?? "")
        #expect(started["parent_id"] == .string(id) && started["workflow_id"] == .string(child))
        #expect(started["input"] == ["arguments": [1, 2]])
    }

    @Test func failureOfTheChildRunFailsTheStep() throws {
        let child = try caller.keep(.flow([.task("a", "fail", ["message": "No luck"])]))
        let parent = try caller.end(
            caller.start(keeping: .flow([run(child), .task("b", "pass", 1)], [.condition("run", "end", "b")])))
        #expect(parent["status"] == "completed" && parent["result"] == 1)
        #expect(parent["steps"]?.each("error").first == ["code": "flow_failed", "message": "No luck"])
        let missing = try caller.end(caller.start(keeping: .flow([run("00000000-0000-7000-8000-00000000dead")])))
        #expect(missing["status"] == "failed" && missing["error"]?["code"] == "workflow_not_found")
    }

    /// A workflow that runs itself ends with or without a concurrency limit.
    @Test(arguments: [[:], ["concurrency": 1]] as [[String: JSON]])
    func recursionIsLimited(more: [String: JSON]) throws {
        let workflow = try caller.keep(.workflowCall(giving: 1))
        try caller.save(workflow, .flow([run(workflow)]), more)
        let id = try caller.start(workflow)
        let top = try caller.end(id)
        #expect(top["status"] == "failed" && top["error"]?["code"] == "flow_failed")
        let runs = try caller.get("/api/workflows/\(workflow)/executions?sort=created_at")["items"]
        #expect(runs.arrayValue?.count == 10)
        let last = try caller.run(runs.each("id").last?.stringValue ?? "")
        #expect(last["error"]?["code"] == "too_deep")
    }

    @Test(arguments: [0, 1, 50]) func mapKeepsTheOrder(count: Int) throws {
        let echo = try caller.keep(.flow([.task("a", "pass")]))
        let items = (0..<count).map { JSON(($0 * 7) % 50) }
        let run = try caller.end(caller.start(keeping: .flow([map(items, echo, ["concurrency": 3])])))
        #expect(run["status"] == "completed" && run["result"] == .array(items))
    }

    @Test func mapRespectsItsConcurrency() throws {
        let child = try caller.keep(.flow([.task("w", "wait", ["seconds": 0.05])]))
        let id = try caller.start(keeping: .flow([map(Array(repeating: 1, count: 12), child, ["concurrency": 3])]))
        #expect(try caller.end(id)["result"]?.arrayValue?.count == 12)
        // The maximum number of running child runs at the start of each child run.
        let maximum = try caller.count(
            """
            SELECT max((SELECT count(*) FROM executions other WHERE other.parent_id = \(id)
                AND other.created_at <= run.created_at AND run.created_at < other.finished_at))
            FROM executions run WHERE run.parent_id = \(id)
            """)
        #expect((1...3).contains(maximum))
    }

    @Test func oneFailedItemFailsTheMapStep() throws {
        let child = try caller.keep(.flow([.task("a", "data.fetch")]))
        let (valid, missing): (JSON, JSON) = ([:], ["name": "missing"])
        let run = try caller.end(caller.start(keeping: .flow([map([valid, missing, valid], child)])))
        #expect(run["status"] == "failed")
        #expect(run["error"]?["code"] == "items_failed" && run["error"]?["message"] == "1 of 3 items failed")
        #expect(run["error"]?["failures"]?.each("index") == [1])
    }
}

/// Limits of concurrent runs.
@Suite struct LimitTests {
    /// Polls the user's runs until all have ended, and returns the maximum number that had a concurrency slot at once.
    private func maximumAdmitted(_ caller: RunCaller, _ ids: [String]) throws -> Int {
        let connection = caller.stack.database.connect()
        var maximum = 0
        for _ in 0..<10_000 {
            let (admitted, open) = try connection.query(
                """
                SELECT count(*) FILTER (WHERE is_admitted), count(*) FROM queue WHERE user_id = \(caller.user.id)
                """
            ).only.decode(Int.self, Int.self)
            maximum = max(maximum, admitted)
            if open == 0 { break }
            poll(nil, 0, 5)
        }
        for id in ids { #expect(try caller.end(id)["status"] == "completed") }
        return maximum
    }

    @Test func workflowConcurrencyIsLimited() throws {
        let caller = try RunCaller(Stack.shared.get())
        let workflow = try caller.keep(.flow([.task("w", "wait", ["seconds": 0.2])]), ["concurrency": 2])
        let path = "/api/workflows/\(workflow)/execute"
        let answers = try caller.atOnce(Array(repeating: (path, [:], []), count: 10))
        #expect(answers.allSatisfy { $0.status == 202 }, "\(answers.map(\.text))")
        #expect(try maximumAdmitted(caller, answers.compactMap { $0["id"].stringValue }) == 2)
    }

    /// A run that is canceled, before or after it has a concurrency slot, lets the next run start.
    @Test func canceledRunReleasesItsSlot() throws {
        let caller = try RunCaller(Stack.shared.get())
        let workflow = try caller.keep(.flow([.task("w", "approval")]), ["concurrency": 1])
        let ids = try (0..<3).map { _ in try caller.start(workflow) }
        _ = try caller.wait(ids[0])
        #expect(try caller.run(ids[1])["status"] == "queued")
        #expect(try caller.act("cancel", ids[1]).status == 200)
        #expect(try caller.run(ids[2])["status"] == "queued")
        #expect(try caller.act("cancel", ids[0]).status == 200)
        _ = try caller.wait(ids[2])
        #expect(try caller.act("signal", ids[2]).status == 202)
        #expect(try caller.end(ids[2])["status"] == "completed")
    }

    /// Runs that wait are not executed, so they do not count against the limit of concurrent runs of a user.
    @Test func openApprovalsDoNotLockTheUserOut() throws {
        let caller = try RunCaller(Stack.shared.get())
        let approval = try caller.keep(.flow([.task("w", "approval")]))
        let ids = try (0..<60).map { _ in try caller.start(approval) }
        let other = try caller.start(keeping: .flow([.task("a", "pass")]))
        #expect(try caller.end(other)["status"] == "completed")
        #expect(try ids.filter { try caller.wait($0)["status"] == "waiting" }.count == 60)
    }

    @Test func theQueueHoldsAtMostItsLimitUnderParallelCalls() throws {
        let caller = try RunCaller(Stack.shared.get())
        let workflow = try caller.keep(.flow([.task("w", "approval")]))
        let owner = caller.stack.database.connect()
        try owner.execute(
            """
            INSERT INTO queue (execution_id, user_id, state, available_at)
            SELECT gen_random_uuid(), \(caller.user.id), 'waiting', 'infinity' FROM generate_series(1, 9990)
            """)
        let path = "/api/workflows/\(workflow)/execute"
        let answers = try caller.atOnce(Array(repeating: (path, [:], []), count: 30))
        #expect(answers.count { $0.status == 202 } == 10)
        #expect(answers.count { $0.status == 429 && $0["code"] == "too_many_runs" } == 20)
        // A call with a run that has to wait needs room too.
        let retried = JSON.flow([
            JSON.task("f", "fail").with(["retry": ["max_attempts": 2, "initial_delay": 60]])
        ])
        #expect(try caller.post("/flow-manager", retried).status == 429)
        try owner.execute("DELETE FROM queue WHERE user_id = \(caller.user.id)")
        #expect(try caller.count("SELECT count(*) FROM executions WHERE user_id = \(caller.user.id)") == 10)
    }
}
