import Glibc
import HTTP
import JSON
import System
import TestSupport
import Testing

/// Steps that wait for a time or for an approval.
@Suite struct WaitStepTests {
    let caller: RunCaller

    init() throws { caller = try RunCaller(Stack.shared.get()) }

    @Test(
        arguments: [
            (["seconds": 0], nil), (["seconds": 0.2], nil), (["until": "2001-02-03T04:05:06+01:00"], nil),
            (["until": "tomorrow"], "invalid_input"), (["until": "2001-02-03 04:05:06Z"], "invalid_input"),
            (["until": "2001-02-03T04:05:06"], "invalid_input"), (["until": "2001-02-30T04:05:06Z"], "invalid_input"),
            (["until": 5], "invalid_input"), (["seconds": -1], "invalid_input"), (["seconds": 1e9], "invalid_input"),
            ([:], "invalid_input"), (["seconds": 1, "until": "2001-02-03T04:05:06Z"], "invalid_input"),
            (["minutes": 1], "invalid_input"),
        ] as [(JSON, JSON)])
    func waitEndsAtItsTimeOrFailsOnInvalidInput(input: JSON, code: JSON) throws {
        let run = try caller.end(caller.start(keeping: .flow([.task("a", "wait")], input: input)))
        #expect(run["status"] == (code == .null ? "completed" : "failed"), "\(run.text)")
        #expect(run["error"]?["code"] ?? .null == code)
        #expect(run["steps"]?.each("attempts") == [1])
    }

    @Test func outputOfAWaitingStepIsItsEndTime() throws {
        // Later than that a run may not end.
        let end = RFC3339.text(milliseconds: (Int64(time(nil)) + 86_400 * 29) * 1_000)
        let withOffset = end.replacing("Z", with: "+00:00")
        let id = try caller.start(
            keeping: .chain([.task("a", "wait", ["until": .string(withOffset)]), .task("b", "pass")]))
        let run = try caller.wait(id)
        #expect(run["steps"]?.each("status") == ["waiting"])
        #expect(run["steps"]?.each("output") == [["until": .string(end)]])
        #expect(run["result"] == .null && run["finished_at"] == .null)
        #expect(try caller.act("cancel", id).status == 200)
    }

    /// The record contains the time of the wait, and the steps before and after it run once.
    @Test func runContinuesAfterTheWait() throws {
        let id = try caller.start(
            keeping: .chain([
                .task("a", "data.store", ["name": "before", "value": 1]), .task("b", "wait", ["seconds": 0.3]),
                .task("c", "data.store", ["name": "after", "value": 2]),
            ]))
        let run = try caller.end(id)
        #expect(run["status"] == "completed")
        #expect(run["steps"]?.each("task") == ["a", "b", "c"])
        let duration = run["steps"]?.arrayValue?[1]["duration_ms"]?.doubleValue ?? 0
        #expect(duration >= 300, "\(duration)")
        #expect(try caller.get("/api/data/before")["value"] == 1 && caller.get("/api/data/after")["value"] == 2)
    }

    @Test func waitEndsAtTheTimeoutOfItsStep() throws {
        for (type, input) in [("wait", ["seconds": 600]), ("approval", [:])] as [(String, JSON)] {
            let task = JSON.task("a", type, input).with(["timeout": 0.2])
            let run = try caller.end(caller.start(keeping: .flow([task])))
            #expect(run["status"] == "failed" && run["stopped_at"] == "a")
            #expect(run["error"] == ["code": "timeout", "message": "The step took too long"], "\(type)")
        }
    }

    @Test func signalApprovesOrRejects() throws {
        let flow = JSON.flow(
            [.task("a", "approval", ["message": "Pay?"]), .task("yes", "pass"), .task("no", "pass", "refused")],
            [.condition("a", "yes", "no")])
        let workflow = try caller.keep(flow)
        let released = try caller.start(workflow)
        let waiting = try caller.wait(released)
        #expect(waiting["steps"]?.each("output") == [["message": "Pay?"]])
        let signal = try caller.act("signal", released, ["step": 1, "approved": true, "data": ["by hand": true]])
        #expect(signal.status == 202 && signal.headers["location"] == "/api/executions/\(released)")
        let run = try caller.end(released)
        #expect(run["status"] == "completed" && run["steps"]?.each("task") == ["a", "yes"])
        let by = JSON.string(caller.user.id)
        let result = try #require(run["result"])
        #expect(result["approved"] == true && result["data"] == ["by hand": true] && result["by"] == by)
        #expect(result["at"]?.stringValue?.hasSuffix("Z") == true, "\(result.text)")
        expectProblem(try caller.act("signal", released), 409, "execution_not_waiting")

        let refused = try caller.start(workflow)
        _ = try caller.wait(refused)
        #expect(try caller.act("signal", refused, ["step": 1, "approved": false, "data": "no budget"]).status == 202)
        let other = try caller.end(refused)
        #expect(other["result"] == "refused" && other["steps"]?.each("status") == ["failure", "success"])
        let error = try #require(other["steps"]?.each("error").first)
        #expect(error["code"] == "not_approved")
        #expect(error["details"]?["data"] == "no budget" && error["details"]?["by"] == by, "\(error.text)")
    }

    @Test func onlyApprovalsAcceptSignals() throws {
        let id = try caller.start(keeping: .chain([.task("a", "wait", ["seconds": 600]), .task("b", "approval")]))
        _ = try caller.wait(id)
        expectProblem(try caller.act("signal", id), 409, "execution_not_waiting")
        #expect(try caller.act("cancel", id).status == 200)
        expectProblem(try caller.act("signal", id), 409, "execution_not_waiting")
        for body in [[:], ["approved": "yes"], ["step": 1, "approved": true, "user_id": "x"]] as [JSON] {
            expectProblem(try caller.act("signal", id, body), 422)
        }
    }

    @Test func onlyOneConcurrentSignalIsAccepted() throws {
        let workflow = try caller.keep(.flow([.task("a", "approval")]))
        for _ in 1...10 {
            let id = try caller.start(workflow)
            _ = try caller.wait(id)
            let bodies: [JSON] = [1, 2, 3].map { ["step": 1, "approved": true, "data": $0] }
            let answers = try caller.atOnce(bodies.map { ("/api/executions/\(id)/signal", $0, []) })
            #expect(answers.map(\.status).sorted() == [202, 409, 409], "\(answers.map(\.text))")
            let accepted = answers.firstIndex { $0.status == 202 }.map { bodies[$0]["data"] }
            #expect(try caller.end(id)["result"]?["data"] == accepted)
        }
    }

    @Test func eachApprovalNeedsItsOwnSignal() throws {
        let id = try caller.start(keeping: .chain([.task("a", "approval"), .task("b", "approval")]))
        for step in 1...2 {
            _ = try caller.run(id) { $0["status"] == "waiting" && $0["steps"]?.arrayValue?.count == step }
            let signal: JSON = ["step": JSON(step), "approved": true, "data": JSON(step)]
            expectProblem(
                try caller.act("signal", id, signal.with(["step": JSON(step + 1)])), 409, "execution_not_waiting")
            #expect(try caller.act("signal", id, signal).status == 202)
        }
        #expect(try caller.end(id)["steps"]?.each("output").map { $0["data"] } == [1, 2])
    }

    /// It stays on the record of its step.
    @Test func aRefusalIsNotRetried() throws {
        let task = JSON.task("a", "approval").with(["retry": ["max_attempts": 2, "initial_delay": 0]])
        let id = try caller.start(keeping: .flow([task]))
        _ = try caller.wait(id)
        #expect(try caller.act("signal", id, ["step": 1, "approved": false]).status == 202)
        let run = try caller.end(id)
        #expect(run["status"] == "failed" && run["steps"]?.each("attempts") == [1], "\(run.text)")
    }
}
