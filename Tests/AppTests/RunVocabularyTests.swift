import HTTP
import JSON
import Postgres
import System
import TestSupport
import Testing

@testable import App

/// Every answer that shows a run or its steps uses the same names for the same things.
@Suite struct RunVocabularyTests {
    private let application: TestApplication
    private let user: TestUser

    init() throws {
        application = try TestApplication()
        user = try application.makeUser()
    }

    private func run(_ flow: JSON, prefer: String = "wait=0") throws -> HTTPAnswer {
        try application.post("/flow-manager", flow, token: user.token, headers: [("Prefer", prefer)])
    }

    private func record(_ id: JSON) throws -> JSON {
        try application.get("/api/executions/\(id.stringValue ?? "")", token: user.token).json
    }

    private static let flow = JSON.chain([
        .task("a", "pass", 1), .task("b", "fail"), .task("c", "calc.addition", ["arguments": [1, 2]]),
    ])

    @Test func theAnswerOfARunHasTheMembersOfItsRecord() throws {
        let answer = try run(Self.flow).json
        let record = try record(answer["id"] ?? .null)
        #expect(answer["execution_id"] == answer["id"])
        for name in [
            "id", "flow_id", "flow_name", "status", "stopped_at", "result", "error", "credits_charged", "created_at",
            "finished_at",
        ] { #expect(answer[name] == record[name] && answer[name] != nil, "\(name)") }
        let (tasks, steps) = (try #require(answer["executed_tasks"]), try #require(record["steps"]))
        for name in [
            "number", "task", "type", "status", "attempts", "output", "error", "condition", "next", "started_at",
            "finished_at", "duration_ms", "cost",
        ] { #expect(tasks.each(name) == steps.each(name), "\(name)") }
        for (seed, common) in [("task_name", "task"), ("attempt", "attempts"), ("data", "output")] {
            #expect(tasks.each(seed) == tasks.each(common))
        }
        #expect(tasks.each("cost") == [0, 0, 5] && tasks.each("number") == [1, 2, 3])
        let listed = try application.get("/api/executions", token: user.token)["items"].arrayValue?.first
        for name in ["id", "status", "created_at", "finished_at", "stopped_at"] {
            #expect(listed?[name] == record[name], "\(name)")
        }
    }

    @Test func aFailedRunHasItsErrorInEveryAnswer() throws {
        let answer = try run(.flow([.task("a", "fail", ["message": "no"])])).json
        #expect(answer["error"]?["message"] == "no")
        #expect(try record(answer["id"] ?? .null)["error"] == answer["error"])
    }

    /// The milliseconds since 1970 of a time; it must have milliseconds.
    private func time(_ text: JSON?) throws -> Int64 {
        let text = try #require(text?.stringValue)
        #expect(text.wholeMatch(of: #/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/#) != nil, "\(text)")
        return try #require(RFC3339.milliseconds(text))
    }

    @Test func stepsHaveAbsoluteTimes() throws {
        let record = try record(run(Self.flow)["id"])
        let (begin, end) = (try time(record["created_at"]), try time(record["finished_at"]))
        var last = begin
        for step in record["steps"]?.arrayValue ?? [] {
            let (started, finished) = (try time(step["started_at"]), try time(step["finished_at"]))
            #expect(last <= started && started <= finished && finished <= end)
            let offset = Int64(step["started_ms"]?.doubleValue ?? -1)
            #expect(abs(started - begin - offset) <= 1)
            last = started
        }
    }

    @Test func anActiveStepHasNotFinished() throws {
        let id = try run(.chain([.task("a", "pass"), .task("b", "approval")]))["id"]
        try application.work()
        let waiting = try record(id)
        #expect(try time(waiting["steps"]?.arrayValue?.last?["started_at"]) >= time(waiting["created_at"]))
        #expect(waiting["steps"]?.arrayValue?.last?["finished_at"] == .null && waiting["finished_at"] == .null)
        let path = "/api/executions/\(id.stringValue ?? "")/cancel"
        let canceled = try application.post(path, [:], token: user.token)
        #expect(canceled["steps"].arrayValue?.last?["finished_at"] == .null)
        #expect(try time(canceled["finished_at"]) > 0)
    }

    /// The answer at the end of a run that a worker has executed.
    @Test func aRunOfAWorkerHasTheSameMembers() throws {
        let flow = JSON.chain([.task("a", "wait", ["seconds": 0]), .task("b", "pass")])
        let key = [("Prefer", "wait=0"), ("Idempotency-Key", "k")]
        #expect(try application.post("/flow-manager", flow, token: user.token, headers: key).status == 202)
        try application.work()
        let answer = try application.post("/flow-manager", flow, token: user.token, headers: key).json
        let record = try record(answer["id"] ?? .null)
        #expect(answer["status"] == "completed" && answer["finished_at"] == record["finished_at"])
        #expect(answer["executed_tasks"]?.each("started_at") == record["steps"]?.each("started_at"))
        _ = try time(answer["executed_tasks"]?.arrayValue?.first?["output"]?["until"])
    }

    /// Steps that a fork has copied keep their times.
    @Test func copiedStepsKeepTheirTimes() throws {
        let former = try record(run(Self.flow)["id"])
        let fork = "/api/executions/\(former["id"]?.stringValue ?? "")/fork"
        let forked = try application.post(fork, ["step": 3], token: user.token)["id"]
        try application.work()
        let (copied, original) = (try record(forked)["steps"], former["steps"])
        for name in ["started_at", "finished_at"] {
            #expect(copied?.each(name).prefix(2) == original?.each(name).prefix(2), "\(name)")
        }
        #expect(try time(copied?.arrayValue?.last?["started_at"]) >= time(original?.arrayValue?.last?["finished_at"]))
    }
}
