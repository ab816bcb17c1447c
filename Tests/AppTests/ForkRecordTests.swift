import HTTP
import JSON
import TestSupport
import Testing

@testable import App

/// What a record shows of steps that were copied by a fork or repeated after a resume.
@Suite struct ForkRecordTests {
    private let application: TestApplication
    private let user: TestUser

    init() throws {
        application = try TestApplication()
        user = try application.makeUser()
    }

    private func post(_ path: String, _ body: JSON) throws -> HTTPAnswer {
        try application.post(path, body, token: user.token)
    }

    private func run(_ id: JSON) throws -> HTTPAnswer {
        try application.get("/api/executions/\(id.stringValue ?? "")", token: user.token)
    }

    @Test func copiedStepsAreMarked() throws {
        let chain = JSON.chain([.task("a", "pass"), .task("b", "pass"), .task("c", "pass")])
        let former = try post("/flow-manager", chain)["execution_id"]
        #expect(try run(former)["steps"].each("copied") == [false, false, false])
        let forked = try post("/api/executions/\(former.stringValue ?? "")/fork", ["step": 3, "input": "own"])
        #expect(forked.status == 202 && forked["differs"]["input"] == true, "\(forked.text)")
        #expect(try run(forked["id"])["steps"].each("copied") == [true, true])
        try application.work()
        let record = try run(forked["id"])
        #expect(record["steps"].each("copied") == [true, true, false])
        #expect(record["steps"].each("superseded") == [false, false, false])
        #expect(record["steps"].each("input").last == "own")
        #expect(record["result"] == "own" && record["forked_from"] == former)
    }

    /// The earlier run may be deleted; what differs from it stays on record.
    @Test func whatDiffersIsOnRecord() throws {
        var draft = JSON.workflow("w").objectValue ?? JSONObject()
        let workflow = try post("/api/workflows", .object(draft))["id"].stringValue ?? ""
        let former = try post("/api/workflows/\(workflow)/execute", [:])["id"]
        try application.work()
        draft["flow"] = JSON.workflow("w", giving: 2)["flow"] ?? .null
        #expect(
            try application.send("PUT", "/api/workflows/\(workflow)", .object(draft), token: user.token).status == 200)
        let fork = "/api/executions/\(former.stringValue ?? "")/fork"
        let (own, same) = (try post(fork, ["step": 1, "version": 2, "input": 5]), try post(fork, ["step": 1]))
        try application.work()
        let differences: JSON = ["step": 1, "input": true, "version": ["from": 1, "to": 2]]
        #expect(own["differs"] == differences && same["differs"] == ["step": 1, "input": false, "version": nil])
        #expect(
            try application.send("DELETE", "/api/executions/\(former.stringValue ?? "")", token: user.token).status
                == 204)
        #expect(try run(own["id"])["differs"] == differences)
        #expect(try run(same["id"])["differs"] == same["differs"])
        #expect(try run(own["id"])["result"] == 5 && run(own["id"])["forked_from"] == former)
        let plain = try post("/flow-manager", .flow([.task("a", "pass")]))["execution_id"]
        #expect(try run(plain)["differs"] == .null)
    }

    @Test func aForkFromTheFirstStepShowsItsOwnInput() throws {
        let former = try post("/flow-manager", JSON.chain([.task("a", "pass")]))["execution_id"]
        let forked = try post("/api/executions/\(former.stringValue ?? "")/fork", ["step": 1, "input": ["n": 1]])
        try application.work()
        let record = try run(forked["id"])
        #expect(record["input"] == ["n": 1] && record["steps"].each("input") == [["n": 1]], "\(record.text)")
        #expect(record["steps"].each("copied") == [false])
        #expect(try run(former)["input"] == [:])
    }

    @Test func supersededStepsAreMarkedInAForkToo() throws {
        let failing = JSON.flow([.task("a", "pass"), .task("b", "fail")], [.condition("a", "b", "end")])
        let former = try post("/flow-manager", failing)["execution_id"].stringValue ?? ""
        #expect(try post("/api/executions/\(former)/resume", [:]).status == 202)
        try application.work()
        #expect(try run(.string(former))["steps"].each("superseded") == [false, true, false])
        for (step, reason) in [(2, "is superseded"), (4, "is not a step of this run")] {
            let refusal = try post("/api/executions/\(former)/fork", ["step": .integer(Int64(step))])
            expectProblem(refusal, 422, "validation_failed")
            #expect(pointers(refusal) == ["/step"])
            #expect(
                refusal["errors"].arrayValue?.first?["message"]?.stringValue?.hasPrefix(reason) == true,
                "\(refusal.text)")
        }
        let forked = try post("/api/executions/\(former)/fork", ["step": 3])
        try application.work()
        let record = try run(forked["id"])
        #expect(record["steps"].each("superseded") == [false, true, false])
        #expect(record["steps"].each("copied") == [true, true, false])
    }
}
