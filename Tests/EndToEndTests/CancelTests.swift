import HTTP
import JSON
import Postgres
import TestSupport
import Testing

/// Cancellation of runs.
@Suite struct CancelTests {
    let stack: Stack
    let caller: RunCaller

    init() throws {
        stack = try Stack.shared.get()
        caller = try RunCaller(stack)
    }

    @Test func cancelEndsAWaitingRun() throws {
        let id = try caller.start(keeping: .chain([.task("a", "pass", 1), .task("b", "approval"), .task("c", "pass")]))
        _ = try caller.wait(id)
        let canceled = try caller.act("cancel", id)
        #expect(try canceled.status == 200 && canceled.json == caller.run(id))
        #expect(canceled["status"] == "canceled" && canceled["finished_at"] != .null)
        #expect(canceled["error"] == ["code": "canceled", "message": "The run was canceled"])
        #expect(canceled["stopped_at"] == "b" && canceled["result"] == .null)
        #expect(canceled["steps"].each("status") == ["success", "canceled"])
        for verb in ["cancel", "signal"] { expectProblem(try caller.act(verb, id), 409, nil, verb) }
        #expect(try caller.count("SELECT count(*) FROM queue WHERE execution_id = \(id)") == 0)
    }

    @Test func finishedRunsCannotBeCanceled() throws {
        let id = try caller.start(keeping: .workflowCall(giving: 1))
        let run = try caller.end(id)
        expectProblem(try caller.act("cancel", id), 409, "execution_over")
        #expect(try caller.run(id) == run)
        let called = try caller.post("/flow-manager", .demoFlow)["execution_id"].stringValue ?? ""
        expectProblem(try caller.act("cancel", called), 409, "execution_over")
    }

    /// While a worker executes a step of the run: the effects of the step are discarded.
    @Test func cancelEndsARunInAWorker() throws {
        #expect(try stack.send("PUT", "/api/data/held", ["value": 0], token: caller.user.token).status == 200)
        let held = try HeldRows(
            "UPDATE documents SET value = '1' WHERE user_id = \(caller.user.id) AND name = 'held'", in: stack.database)
        let id = try caller.start(
            keeping: .chain([
                .task("a", "data.store", ["name": "first", "value": 1]),
                .task("b", "data.store", ["name": "held", "value": 2]), .task("c", "pass"),
            ]))
        try held.waitUntilWanted()
        #expect(try caller.run(id)["status"] == "running")
        let canceled = try caller.act("cancel", id)
        #expect(canceled["status"] == "canceled", "\(canceled.text)")
        try held.commit()
        #expect(try caller.end(id) == canceled.json)
        // The worker is free for the next run, and has not written the step's document.
        #expect(try caller.end(caller.start(keeping: .workflowCall(giving: 1)))["status"] == "completed")
        #expect(try caller.get("/api/data/held")["value"] == 1)
        #expect(try caller.run(id) == canceled.json)
    }

    /// A run that a responder executes while its client waits.
    @Test func cancelEndsARunInAResponder() throws {
        #expect(try stack.send("PUT", "/api/data/held", ["value": 0], token: caller.user.token).status == 200)
        let held = try HeldRows(
            "UPDATE documents SET value = '1' WHERE user_id = \(caller.user.id) AND name = 'held'", in: stack.database)
        let flow = JSON.chain([
            .task("a", "data.store", ["name": "first", "value": 1]),
            .task("b", "data.store", ["name": "held", "value": 2]),
        ])
        let call = try stack.client.begin(
            stack.client.message(
                "POST", "/flow-manager",
                headers: [stack.bearer(caller.user.token), ("Content-Type", "application/json")],
                body: flow.serialized()))
        try held.waitUntilWanted()
        let id = try caller.get("/api/executions")["items"].each("id").first?.stringValue ?? ""
        #expect(try caller.act("cancel", id).status == 200)
        held.release()
        let answer = try stack.client.finish(call)
        #expect(answer.status == 422, "\(answer.text)")
        #expect(answer["execution_id"] == .string(id) && answer["status"] == "canceled")
        #expect(answer["message"] == "Flow was canceled")
        #expect(try caller.get("/api/data/held")["value"] == 0)
    }

    /// The first of the two takes effect, the other one gets a conflict.
    @Test func cancelRacesWithTheEndOfTheRun() throws {
        let workflow = try caller.keep(
            .chain([
                .task("a", "data.store", ["name": "n", "value": 1]),
                .task("b", "data.store", ["name": "m", "value": 1]),
            ]))
        var statuses: [String: Int] = [:]
        for round in 0..<100 {
            let id = try caller.start(workflow)
            if round % 3 > 0 { _ = try caller.run(id) { round % 3 == 1 || $0["status"] != "queued" } }
            let answers = try caller.atOnce(Array(repeating: ("/api/executions/\(id)/cancel", [:], []), count: 2))
            let canceled = answers.count { $0.status == 200 }
            #expect(canceled <= 1 && answers.allSatisfy { [200, 409].contains($0.status) }, "\(answers.map(\.text))")
            let run = try caller.end(id)
            #expect(run["status"] == (canceled == 1 ? "canceled" : "completed"), "\(run.text)")
            statuses[run["status"]?.stringValue ?? "", default: 0] += 1
        }
        #expect(try caller.count("SELECT count(*) FROM queue WHERE user_id = \(caller.user.id)") == 0, "\(statuses)")
    }

    @Test func cancelEndsChildRuns() throws {
        let leaf = try caller.keep(.flow([.task("a", "approval")]))
        let middle = try caller.keep(.flow([.task("a", "flow.run", ["workflow": .string(leaf)])]))
        let items = JSON.array(Array(repeating: 1, count: 4))
        let id = try caller.start(
            keeping: .flow([.task("a", "map", ["items": items, "workflow": .string(middle), "concurrency": 3])]))
        func leafRuns(_ status: String) throws -> Int {
            try caller.get("/api/workflows/\(leaf)/executions?status=\(status)")["items"].arrayValue?.count ?? 0
        }
        _ = try caller.run(id) { _ in try leafRuns("waiting") == 3 }
        #expect(try caller.act("cancel", id)["status"] == "canceled")
        #expect(try leafRuns("canceled") == 3 && leafRuns("waiting") == 0)
        let children = try caller.get("/api/executions?parent_id=\(id)")["items"]
        #expect(children.each("status") == ["canceled", "canceled", "canceled"])
        #expect(try caller.count("SELECT count(*) FROM queue WHERE user_id = \(caller.user.id)") == 0)
    }

    /// While its children end, and are charged, one after the other.
    @Test func cancelEndsARunningMap() throws {
        let leaf = try caller.keep(.flow([.task("a", "data.store", ["name": "n", "value": 1])]))
        let items = JSON.array(Array(repeating: 1, count: 30))
        let workflow = try caller.keep(
            .flow([.task("a", "map", ["items": items, "workflow": .string(leaf), "concurrency": 8])]))
        for round in 0..<12 {
            let id = try caller.start(workflow)
            _ = try caller.run(id) { $0["status"] != "queued" }
            if round % 2 == 0 { _ = try caller.run(id) }
            let answer = try caller.act("cancel", id)
            #expect([200, 409].contains(answer.status), "\(answer.text)")
            #expect(try caller.end(id)["status"] == (answer.status == 200 ? "canceled" : "completed"))
            #expect(try caller.count("SELECT count(*) FROM queue WHERE user_id = \(caller.user.id)") == 0)
        }
        #expect(!stack.log.contains("40P01"))
    }

    @Test func cancelOfAChildFailsItsParent() throws {
        let leaf = try caller.keep(.flow([.task("a", "approval")]))
        let id = try caller.start(keeping: .flow([.task("a", "flow.run", ["workflow": .string(leaf)])]))
        var child = ""
        _ = try caller.run(id) { _ in
            child =
                try caller.get("/api/executions?parent_id=\(id)&status=waiting")["items"].each("id").first?.stringValue
                ?? ""
            return child != ""
        }
        #expect(try caller.act("cancel", child).status == 200)
        let run = try caller.end(id)
        #expect(run["status"] == "failed" && run["error"]?["code"] == "flow_canceled")
    }
}

/// Resuming runs, and forking new runs from a step of a finished run.
@Suite struct ResumeTests {
    let stack: Stack
    let caller: RunCaller

    init() throws {
        stack = try Stack.shared.get()
        caller = try RunCaller(stack)
    }

    private func put(_ name: String, _ value: JSON) throws {
        let saved = try stack.send("PUT", "/api/data/\(name)", ["value": value], token: caller.user.token)
        #expect(saved.status == 200)
    }

    @Test func resumesFromTheFailedStep() throws {
        let id = try caller.start(
            keeping: .flow(
                [
                    .task("a", "random.string", ["length": 20]), .task("b", "data.store"),
                    .task("c", "data.fetch", ["name": "missing"]), .task("d", "pass"),
                ], [.condition("a", "b", "end"), .condition("b", "c", "end"), .condition("c", "d", "END_FAILED")]))
        let failed = try caller.end(id)
        #expect(failed["status"] == "failed" && failed["error"]?["code"] == "not_found")
        for round in 1...2 {
            #expect(try caller.act("resume", id).status == 202)
            let again = try caller.end(id)
            #expect(again["status"] == "failed")
            #expect(
                again["steps"]?.each("superseded") == [false, false] + Array(repeating: true, count: round) + [false])
        }
        try put("missing", 7)
        let resumed = try caller.act("resume", id)
        #expect(resumed.status == 202 && resumed.json == ["id": .string(id), "status": "queued"])
        #expect(resumed.headers["location"] == "/api/executions/\(id)")
        let run = try caller.end(id)
        #expect(run["status"] == "completed" && run["result"] == 7 && run["error"] == .null)
        #expect(run["stopped_at"] == .null)
        #expect(run["steps"]?.each("task") == ["a", "b", "c", "c", "c", "c", "d"])
        #expect(run["steps"]?.arrayValue?[0]["output"] == failed["steps"]?.arrayValue?[0]["output"])
        #expect(run["steps"]?.each("superseded") == [false, false, true, true, true, false, false])
        expectProblem(try caller.act("resume", id), 409, "execution_not_resumable")
        #expect(try caller.run(id) == run)
    }

    @Test func resumesFromTheCanceledStep() throws {
        let id = try caller.start(
            keeping: .chain([.task("a", "random.string", ["length": 20]), .task("b", "approval"), .task("c", "pass")]))
        _ = try caller.wait(id)
        expectProblem(try caller.act("resume", id), 409, "execution_not_resumable")
        #expect(try caller.act("cancel", id).status == 200)
        let answers = try caller.atOnce(Array(repeating: ("/api/executions/\(id)/resume", [:], []), count: 5))
        #expect(answers.map(\.status).sorted() == [202, 409, 409, 409, 409])
        _ = try caller.wait(id)
        #expect(try caller.act("signal", id).status == 202)
        let run = try caller.end(id)
        #expect(run["status"] == "completed" && run["error"] == .null)
        #expect(run["steps"]?.each("task") == ["a", "b", "b", "c"])
        #expect(run["steps"]?.each("superseded") == [false, true, false, false])
    }

    @Test func resumesAFailedRunOfAResponder() throws {
        let flow = JSON.chain([
            .task("a", "data.store", ["name": "x", "value": 1]), .task("b", "data.fetch", ["name": "missing"]),
        ])
        let answer = try caller.post("/flow-manager", flow)
        #expect(answer.status == 422)
        let id = answer["execution_id"].stringValue ?? ""
        try put("missing", 7)
        #expect(try caller.act("resume", id).status == 202)
        #expect(try caller.end(id)["result"] == 7)
    }

    /// A resumed parent starts a new child.
    @Test func resumedParentStartsANewChild() throws {
        let leaf = try caller.keep(.flow([.task("a", "data.fetch", ["name": "missing"])]))
        let id = try caller.start(
            keeping: .flow([.task("a", "flow.run", ["workflow": .string(leaf)])]))
        #expect(try caller.end(id)["status"] == "failed")
        try put("missing", 7)
        #expect(try caller.act("resume", id).status == 202)
        let run = try caller.end(id)
        #expect(run["status"] == "completed" && run["result"] == 7, "\(run.text)")
        #expect(try caller.get("/api/executions?parent_id=\(id)")["items"].arrayValue?.count == 2)
    }

    @Test func forksFromAStep() throws {
        let workflow = try caller.keep(
            .chain([.task("a", "random.string", ["length": 20]), .task("b", "pass"), .task("c", "data.store")]))
        let former = try caller.start(workflow)
        let first = try caller.end(former)
        #expect(first["status"] == "completed")
        let forked = try caller.act("fork", former, ["step": 2, "input": ["mine": 1]])
        let id = try #require(forked["id"].stringValue)
        #expect(forked.status == 202 && forked.headers["location"] == "/api/executions/\(id)")
        #expect(forked["forked_from"] == .string(former))
        #expect(forked["differs"] == ["step": 2, "input": true, "version": nil])
        let run = try caller.end(id)
        #expect(run["status"] == "completed" && run["forked_from"] == .string(former))
        #expect(run["steps"]?.each("task") == ["a", "b", "c"])
        #expect(run["steps"]?.arrayValue?[0]["output"] == first["steps"]?.arrayValue?[0]["output"])
        #expect(run["steps"]?.arrayValue?[1]["input"] == ["mine": 1])
        #expect(run["result"]?["value"] == ["mine": 1])
        #expect(try caller.run(former) == first)

        let null = try caller.act("fork", former, ["step": 2, "input": nil])
        #expect(null["differs"]["input"] == true)
        #expect(try caller.end(null["id"].stringValue ?? "")["steps"]?.arrayValue?[1]["output"] == .null)
        let same = try caller.act("fork", former, ["step": 3])
        #expect(same["differs"] == ["step": 3, "input": false, "version": nil])
        #expect(try caller.end(same["id"].stringValue ?? "")["result"] == first["result"])
    }

    @Test func forksIntoAnotherVersion() throws {
        let workflow = try caller.keep(.chain([.task("a", "pass", 1), .task("b", "pass", 2)]))
        let former = try caller.start(workflow)
        _ = try caller.end(former)
        try caller.save(workflow, .chain([.task("a", "pass", 1), .task("b", "pass", 3)]))
        try caller.save(workflow, .chain([.task("x", "pass", 1), .task("b", "pass", 3)]))
        let forked = try caller.act("fork", former, ["step": 2, "version": 2])
        #expect(forked["differs"] == ["step": 2, "input": false, "version": ["from": 1, "to": 2]], "\(forked.text)")
        let run = try caller.end(forked["id"].stringValue ?? "")
        #expect(run["result"] == 3 && run["version"] == 2)
        let refused: [(JSON, String)] = [
            (["step": 2, "version": 3], "/version"), (["step": 2, "version": 4], "/version"), (["step": 3], "/step"),
            (["step": 0], "/step"), (["step": "1"], "/step"), ([:], "/step"), (["step": 1, "user_id": 1], "/user_id"),
        ]
        for (body, pointer) in refused {
            let answer = try caller.act("fork", former, body)
            expectProblem(answer, 422, nil, body.text)
            #expect(pointers(answer) == [pointer], "\(body.text)")
        }
        // A fork from the first step takes nothing from the former run.
        let whole = try caller.act("fork", former, ["step": 1, "version": 3])
        expectProblem(whole, 422, nil, "its first step has another task")
        let called = try caller.post("/flow-manager", .workflowCall(giving: 1))["execution_id"].stringValue ?? ""
        #expect(pointers(try caller.act("fork", called, ["step": 1, "version": 1])) == ["/version"])
        #expect(try caller.act("fork", called, ["step": 1]).status == 202)
    }

    @Test func activeRunsCannotBeForked() throws {
        let id = try caller.start(keeping: .chain([.task("a", "pass"), .task("b", "approval")]))
        _ = try caller.wait(id)
        expectProblem(try caller.act("fork", id, ["step": 1]), 409, "execution_under_way")
        #expect(try caller.act("cancel", id).status == 200)
        #expect(try caller.act("fork", id, ["step": 1]).status == 202)
    }
}
