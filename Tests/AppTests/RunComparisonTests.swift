import HTTP
import JSON
import System
import TestSupport
import Testing

@testable import App

/// What the comparison of two runs shows.
@Suite struct RunComparisonTests {
    private let application: TestApplication
    private let user: TestUser

    init() throws {
        application = try TestApplication()
        user = try application.makeUser()
    }

    private func run(_ flow: JSON) throws -> String {
        try application.post("/flow-manager", flow, token: user.token)["execution_id"].stringValue ?? ""
    }

    private func compare(_ run: String, _ other: String, by user: TestUser? = nil) throws -> HTTPAnswer {
        try application.get("/api/executions/\(run)/diff/\(other)", token: (user ?? self.user).token)
    }

    @Test func aForkLeadsToWhatDiffers() throws {
        let former = try run(.chain([.task("a", "pass"), .task("b", "pass"), .task("c", "fail", ["message": "No"])]))
        let answer = try application.post(
            "/api/executions/\(former)/fork", ["step": 2, "input": "own"], token: user.token)
        let fork = answer["id"].stringValue ?? ""
        #expect(answer.headers["link"] == "<../\(former)/diff/\(fork)>; rel=\"related\"")
        try application.work()
        let record = try application.get("/api/executions/\(fork)", token: user.token)
        #expect(record.headers["link"] == "<\(former)/diff/\(fork)>; rel=\"related\"")
        #expect(try application.get("/api/executions/\(former)", token: user.token).headers["link"] == nil)

        let difference = try compare(former, fork)
        #expect(difference.status == 200)
        #expect(difference["differs"] == ["flow"] || difference["differs"] == [], "\(difference.text)")
        #expect(difference["run"]["id"] == .string(former) && difference["other"]["id"] == .string(fork))
        let steps = difference["steps"]
        #expect(steps.each("task") == ["a", "b", "c"] && steps.each("visit") == [1, 1, 1])
        #expect(steps.each("change") == ["none", "changed", "none"], "\(difference.text)")
        let changed = steps.arrayValue?[1] ?? .null
        #expect(changed["differs"] == ["input", "output"])
        #expect(changed["run"]?["input"] == [:] && changed["other"]?["input"] == "own")
        #expect(changed["run"]?["output"] == [:] && changed["other"]?["output"] == "own")
        #expect(changed["run"]?["status"] == "success" && changed["run"]?["duration_ms"]?.doubleValue != nil)
        let same = steps.arrayValue?[0]["run"] ?? .null
        #expect(!same.names.contains("input") && !same.names.contains("output"), "equal values are not repeated")
    }

    @Test func runsOfOtherFlowsAreComparedByTask() throws {
        let one = try run(
            .flow(
                [.task("a", "pass", 1), .task("b", "pass", 2), .task("c", "calc.addition", ["arguments": [1, 2]])],
                [.condition("a", "b", "end"), .condition("b", "c", "end")], input: 1))
        let two = try run(
            .flow(
                [.task("a", "fail"), .task("x", "pass", 2), .task("c", "calc.addition", ["arguments": [1, 3]])],
                [.condition("a", "END_FAILED", "x"), .condition("x", "c", "end")], input: 2))
        let difference = try compare(one, two)
        #expect(difference["differs"] == ["flow", "input", "result"], "\(difference.text)")
        #expect(difference["run"]["input"] == 1 && difference["other"]["input"] == 2)
        #expect(difference["other"]["result"] == ["result": 4])
        let steps = difference["steps"]
        #expect(steps.each("task") == ["a", "b", "x", "c"])
        #expect(steps.each("change") == ["changed", "removed", "added", "changed"])
        #expect(steps.arrayValue?[0]["differs"] == ["type", "input", "output", "error", "status", "next"])
        #expect(steps.arrayValue?[1]["other"] == .null && steps.arrayValue?[1]["run"]?["output"] == 2)
        #expect(steps.arrayValue?[2]["run"] == .null && steps.arrayValue?[2]["other"]?["output"] == 2)
        #expect(try compare(two, one)["steps"].each("task") == ["a", "x", "b", "c"])
        #expect(try compare(one, one)["steps"].each("change") == ["none", "none", "none"])
    }

    @Test func onlyRunsThatTheCallerMayReadAreCompared() throws {
        let (own, stranger) = (try run(.chain([.task("a", "pass")])), try application.makeUser())
        let foreign =
            try application.post("/flow-manager", .chain([.task("a", "pass")]), token: stranger.token)["execution_id"]
            .stringValue ?? ""
        for (one, two) in [(own, foreign), (foreign, own), (own, "x"), ("x", own)] {
            expectProblem(try compare(one, two), 404, "not_found")
        }
    }

    /// A task that is visited several times is compared visit by visit.
    @Test func visitsBelongTogetherByTheirNumber() {
        func visits(_ tasks: [String]) -> [(visit: RunComparison.Visit, index: Int)] {
            var counts: [String: Int] = [:]
            return tasks.enumerated().map { index, task in
                counts[task, default: 0] += 1
                return (RunComparison.Visit(task: TextKey(task), number: counts[task] ?? 0), index)
            }
        }
        func text(_ one: [String], _ two: [String]) -> String {
            RunComparison.pairs(visits(one), visits(two)).map { pair in
                "\(pair.task)\(pair.visit):\(pair.index.map(String.init) ?? "-")/\(pair.other.map(String.init) ?? "-")"
            }.joined(separator: " ")
        }
        #expect(text(["a", "b", "a"], ["a", "b", "a", "b", "a"]) == "a1:0/0 b1:1/1 a2:2/2 b2:-/3 a3:-/4")
        #expect(text(["a", "b"], ["b", "a"]) == "a1:0/1 b1:1/0")
        #expect(text([], ["a"]) == "a1:-/0")
        #expect(text(["a"], []) == "a1:0/-")
        #expect(text(["a", "c"], ["x", "a", "y", "z", "c"]) == "x1:-/0 a1:0/1 y1:-/2 z1:-/3 c1:1/4")
    }
}
