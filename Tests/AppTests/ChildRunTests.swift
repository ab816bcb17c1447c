import Flows
import HTTP
import JSON
import Postgres
import TestSupport
import Testing

/// Steps that start several runs: `map` and `parallel`.
@Suite struct ChildRunTests {
    let application: TestApplication
    let user: TestUser

    init() throws {
        application = try TestApplication()
        user = try application.makeUser()
        try application.database.connect().execute(Ledger.grant(1_000, to: user.id))
    }

    /// A workflow that divides 6 by its input, and so fails for 0.
    private func store(_ key: String = "child") throws -> String {
        let flow = JSON.flow([.task("d", "calc.division")])["flow"] ?? .null
        let answer = try application.post(
            "/api/workflows", ["name": "Division", "key": .string(key), "flow": flow], token: user.token)
        return try #require(answer["id"].stringValue, "\(answer.text)")
    }

    private func division(by numbers: Int64...) -> JSON {
        .array(numbers.map { ["arguments": [6, .integer($0)]] })
    }

    private func run(_ task: JSON, input: JSON = [:]) throws -> JSON {
        let answer = try application.post(
            "/flow-manager", .flow([task], input: input), token: user.token, headers: [("Prefer", "wait=0")])
        try application.work()
        return try application.get(try #require(answer.headers["location"], "\(answer.text)"), token: user.token).json
    }

    private func children(of run: JSON) throws -> [JSON] {
        let id = run["id"]?.stringValue ?? ""
        let items = try application.get(
            "/api/executions?parent_id=\(id)&limit=100&sort=created_at", token: user.token)["items"]
        return items.arrayValue ?? []
    }

    @Test func mapTellsWhichItemsFailed() throws {
        let child = try store()
        let items = division(by: 1, 0, 3, 0)
        let run = try run(.task("m", "map", ["workflow": .string(child), "items": items]))
        let children = try children(of: run)
        #expect(run["status"] == "failed" && children.count == 4, "\(run.text)")
        #expect(run["error"]?["code"] == "items_failed" && run["error"]?["message"] == "2 of 4 items failed")
        let failures = run["error"]?["failures"]?.arrayValue ?? []
        #expect(failures.map { $0["index"] } == [1, 3])
        #expect(failures.map { $0["execution_id"] } == [children[1]["id"], children[3]["id"]])
        #expect(failures.allSatisfy { $0["error"]?["code"]?.stringValue?.isEmpty == false }, "\(run.text)")
        #expect(run["steps"]?.arrayValue?.first?["error"] == run["error"])
    }

    @Test func mapEndsWithFailuresUpToItsLimit() throws {
        let child = try store()
        func map(_ items: JSON, _ limit: Int64) throws -> JSON {
            try self.run(
                .task(
                    "m", "map",
                    ["workflow": .string(child), "items": items, "max_failures": .integer(limit), "concurrency": 1]))
        }
        let some = try map(division(by: 1, 0, 3), 1)
        #expect(some["status"] == "completed", "\(some.text)")
        let results = some["result"]?["results"]?.arrayValue
        #expect(results?.map { $0["result"] } == [6, nil, 2], "\(some.text)")
        #expect(some["result"]?["failures"]?.arrayValue?.map { $0["index"] } == [1])
        let none = try map(division(by: 1), 0)
        #expect(none["result"]?["failures"] == [] && none["result"]?["results"]?.arrayValue?.count == 1)
        // One failure more than allowed ends the step, and the rest is not started.
        let all = try map(division(by: 0, 0, 3, 4), 1)
        #expect(all["status"] == "failed" && all["error"]?["message"] == "2 of 4 items failed", "\(all.text)")
        #expect(try children(of: all).count == 2)
    }

    @Test func mapHasAMaximumOfItems() throws {
        let child = try store()
        let input: JSON = ["workflow": .string(child), "items": "{{ $.input }}", "max_items": 2]
        let run = try run(.task("m", "map", input), input: division(by: 1, 2, 3))
        #expect(run["error"] == ["code": "invalid_input", "message": "/items: must have at most 2 elements"])
        #expect(try children(of: run).isEmpty)
    }

    @Test(arguments: [1, 10] as [Int64]) func parallelGivesTheOutputsByName(concurrency: Int64) throws {
        let (first, second) = (
            try store(), try application.post("/api/workflows", .workflow("b", giving: 9), token: user.token)
        )
        let branches: JSON = [
            "half": ["workflow": .string(first), "input": ["arguments": [6, 2]]], "other": ["workflow": second["id"]],
            "again": ["workflow": "child", "input": ["arguments": [6, 6]], "version": 1],
        ]
        let run = try run(.task("p", "parallel", ["branches": branches, "concurrency": .integer(concurrency)]))
        #expect(run["status"] == "completed", "\(run.text)")
        #expect(run["result"]?.objectValue?.members.map(\.name) == ["half", "other", "again"])
        #expect(run["result"]?["half"]?["result"] == 3 && run["result"]?["again"]?["result"] == 1)
        #expect(run["result"]?["other"] == 9)
        #expect(try children(of: run).count == 3)
    }

    @Test func parallelTellsWhichBranchesFailed() throws {
        let child = try store()
        let branches: JSON = [
            "good": ["workflow": .string(child), "input": ["arguments": [6, 1]]],
            "bad": ["workflow": .string(child), "input": ["arguments": [6, 0]]],
        ]
        let run = try run(.task("p", "parallel", ["branches": branches]))
        #expect(run["status"] == "failed" && run["error"]?["code"] == "branches_failed", "\(run.text)")
        let failures = run["error"]?["failures"]?.arrayValue ?? []
        #expect(failures.count == 1 && failures.first?["branch"] == "bad" && failures.first?["index"] == 1)
        let missing = try self.run(
            .task("p", "parallel", ["branches": ["a": ["workflow": .string(child)], "b": ["workflow": "none"]]]))
        #expect(missing["error"]?["code"] == "workflow_not_found")
        #expect(try children(of: missing).isEmpty, "nothing is started unless every branch can be")
        let empty = try self.run(.task("p", "parallel", ["branches": [:]]))
        #expect(empty["error"]?["message"] == "/branches: must have 1 to 100 members")
    }
}
