import Flows
import HTTP
import JSON
import Postgres
import TestSupport
import Testing

@testable import App

/// The price of runs that start other runs. An addition costs five credits, and a new user has twenty.
@Suite struct ChildPriceTests {
    let application: TestApplication
    let user: TestUser
    private static let sum = JSON.task("s", "calc.addition", ["arguments": [1, 2]])

    init() throws {
        application = try TestApplication()
        user = try application.makeUser()
    }

    @discardableResult
    private func store(_ key: String, _ tasks: [JSON]) throws -> String {
        let flow = JSON.chain(tasks)["flow"] ?? .null
        let body: JSON = ["name": "w", "key": .string(key), "flow": flow]
        let known = try application.get("/api/workflows/\(key)", token: user.token).status == 200
        let answer = try application.send(
            known ? "PUT" : "POST", known ? "/api/workflows/\(key)" : "/api/workflows", body, token: user.token)
        return try #require(answer["id"].stringValue, "\(answer.text)")
    }

    private func start(_ tasks: [JSON]) throws -> HTTPAnswer {
        try application.post("/flow-manager", .chain(tasks), token: user.token, headers: [("Prefer", "wait=0")])
    }

    private func read(_ answer: HTTPAnswer) throws -> HTTPAnswer {
        try application.get(try #require(answer.headers["location"], "\(answer.text)"), token: user.token)
    }

    private func validate(_ tasks: [JSON]) throws -> HTTPAnswer {
        try application.post("/api/flows/validate", .chain(tasks), token: user.token)
    }

    private func expectCredits(
        _ balance: Int64, held: Int64 = 0, sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let credits = try application.get("/api/credits", token: user.token).json
        #expect(credits == ["balance": .integer(balance), "held": .integer(held)], sourceLocation: sourceLocation)
        let held = try application.count("SELECT coalesce(sum(held), 0) FROM queue")
        #expect(credits["held"] == JSON(held), "what is held belongs to runs", sourceLocation: sourceLocation)
    }

    private func map(_ key: String, _ count: Int, _ more: [String: JSON] = [:]) -> JSON {
        var input = JSONObject([
            .init(name: "workflow", value: .string(key)),
            .init(name: "items", value: .array(Array(repeating: 1, count: count))),
        ])
        for member in more { input[member.key] = member.value }
        return .task("m", "map", .object(input))
    }

    @Test func validationPricesTheRunsThatStepsStart() throws {
        try store("one", [Self.sum])
        try store("two", [Self.sum, .task("r", "flow.run", ["workflow": "one"])])
        let branches: JSON = ["a": ["workflow": "one"], "b": ["workflow": "two"]]
        for (tasks, cost) in [
            ([.task("r", "flow.run", ["workflow": "one"])], 5), ([.task("r", "flow.run", ["workflow": "two"])], 10),
            ([Self.sum, map("two", 3)], 35), ([map("two", 0)], 0),
            ([.task("p", "parallel", ["branches": branches])], 15),
            ([JSON.task("r", "flow.run", ["workflow": "one"]).with("retry", ["max_attempts": 3])], 15),
        ] as [([JSON], Int64)] {
            let answer = try validate(tasks)
            #expect(answer["max_cost"] == .integer(cost) && answer["unbounded_because"] == .null, "\(answer.text)")
        }
    }

    @Test func validationSaysWhyACostIsNotKnown() throws {
        try store("self", [.task("again", "flow.run", ["workflow": "self"])])
        try store("open", [.task("last", "flow.run")])
        for (tasks, reason) in [
            ([.task("r", "flow.run")], "The task 'r' names its workflow only when it runs"),
            ([.task("r", "flow.run", ["workflow": "none"])], "The task 'r' names a workflow that does not exist"),
            (
                [.task("r", "flow.run", ["workflow": "self"])],
                "The task 'again' of the workflow 'self' runs a workflow that leads to it again"
            ),
            (
                [.task("r", "flow.run", ["workflow": "open"])],
                "The task 'last' of the workflow 'open' names its workflow only when it runs"
            ),
        ] as [([JSON], JSON)] {
            let answer = try validate(tasks)
            #expect(answer["max_cost"] == .null && answer["unbounded_because"] == reason, "\(answer.text)")
        }
    }

    /// What is held for the runs of a step becomes what these hold, and what they do not need is released.
    @Test func theCostOfStartedRunsIsHeldAtTheStart() throws {
        try store("one", [Self.sum])
        expectProblem(try start([map("one", 5)]), 402, "insufficient_credits")
        let answer = try start([map("one", 3), .task("w", "approval")])
        try expectCredits(5, held: 15)
        try application.work()
        try expectCredits(5)
        let waiting = try read(answer)
        #expect(waiting["status"] == "waiting" && waiting["credits_charged"] == 0, "\(waiting.text)")
        #expect(waiting["total_credits_charged"] == 15)
        let ended = try start([.task("r", "flow.run", ["workflow": "one"])])
        try expectCredits(0, held: 5)
        try application.work()
        #expect(try read(ended)["total_credits_charged"] == 5)
        try expectCredits(0)
    }

    @Test func whatWasNotKnownIsHeldWhenItsRunStarts() throws {
        try store("one", [Self.sum, Self.sum.with("name", "t")])
        let open: [JSON] = [.task("n", "pass", ["workflow": "one"]), .task("r", "flow.run")]
        let first = try start(open)
        try expectCredits(20)
        try application.work()
        #expect(try read(first)["total_credits_charged"] == 10)
        _ = try start(open)
        try application.work()
        try expectCredits(0)
        let last = try start(open)
        try application.work()
        #expect(try read(last)["error"]["code"] == "insufficient_credits")
        try expectCredits(0)
    }

    @Test func aCanceledRunReleasesWhatItHoldsForOthers() throws {
        try store("one", [.task("w", "approval"), Self.sum])
        let answer = try start([map("one", 3, ["concurrency": 1])])
        try application.work()
        try expectCredits(5, held: 15)
        let path = try #require(answer.headers["location"])
        #expect(try application.post("\(path)/cancel", [:], token: user.token).status == 200)
        try expectCredits(20)
    }

    /// A resume takes over the runs that have completed, and pays only for the others.
    @Test func aResumedMapDoesNotPayAgain() throws {
        let fetch = JSON.task("f", "data.fetch", ["name": "later"])
        try store("one", [.task("k", "pass"), Self.sum])
        try store("two", [fetch])
        let branches: JSON = ["good": ["workflow": "one"], "bad": ["workflow": "two"]]
        let answer = try start([.task("p", "parallel", ["branches": branches])])
        try application.work()
        let failed = try read(answer)
        #expect(failed["status"] == "failed" && failed["total_credits_charged"] == 5, "\(failed.text)")
        try expectCredits(15)
        #expect(try application.send("PUT", "/api/data/later", ["value": 1], token: user.token).status == 200)
        let path = try #require(answer.headers["location"])
        #expect(try application.post("\(path)/resume", [:], token: user.token).status == 202)
        try application.work()
        let resumed = try read(answer)
        #expect(resumed["status"] == "completed" && resumed["total_credits_charged"] == 5, "\(resumed.text)")
        #expect(resumed["result"]["good"]?["result"] == 3 && resumed["result"]["bad"] == 1)
        try expectCredits(15)
        let id = resumed["id"].stringValue ?? ""
        #expect(
            try application.get("/api/executions?parent_id=\(id)", token: user.token)["items"].arrayValue?.count == 3)
    }

    @Test func aRetryOfAMapRepeatsOnlyWhatFailed() throws {
        try store("one", [.task("f", "calc.division")])
        let items: JSON = [["arguments": [1, 1]], ["arguments": [1, 0]]]
        let map = JSON.task("m", "map", ["workflow": "one", "items": items]).with(
            "retry", ["max_attempts": 2, "initial_delay": 0])
        let answer = try start([map])
        for _ in 0..<2 {
            try application.work()
            _ = try application.database.connect().execute("UPDATE queue SET available_at = now()")
            _ = try application.services.engine.wakeDue(on: application.connection)
        }
        try application.work()
        let run = try read(answer)
        #expect(run["status"] == "failed" && run["total_credits_charged"] == 5, "\(run.text)")
        #expect(run["steps"].arrayValue?.first?["attempts"] == 2)
        try expectCredits(15)
    }

    /// The versions are those of the start, also for runs that started runs start.
    @Test func versionsAreFixedAtTheStart() throws {
        try store("inner", [.task("a", "pass", 1)])
        try store("outer", [.task("w", "approval"), .task("r", "flow.run", ["workflow": "inner"])])
        let answer = try start([
            .task("r", "flow.run", ["workflow": "outer"]), .task("q", "flow.run", ["workflow": "inner"]),
        ])
        try application.work()
        try store("inner", [.task("a", "pass", 2), Self.sum])
        try store("outer", [.task("a", "pass", 3)])
        let child = try application.get(
            "/api/executions?parent_id=\(answer["id"].stringValue ?? "")", token: user.token)["items"].arrayValue?.first
        let path = "/api/executions/\(child?["id"]?.stringValue ?? "")"
        #expect(try application.post("\(path)/signal", ["step": 1, "approved": true], token: user.token).status == 202)
        try application.work()
        let run = try read(answer)
        #expect(run["status"] == "completed", "\(run.text)")
        #expect(run["steps"].arrayValue?.map { $0["output"] } == [1, 1])
        #expect(run["total_credits_charged"] == 0)
    }
}

extension JSON {
    /// This object with another member.
    fileprivate func with(_ name: String, _ value: JSON) -> JSON {
        var object = objectValue ?? JSONObject()
        object[name] = value
        return .object(object)
    }
}
