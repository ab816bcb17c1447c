import JSON
import TestSupport
import Testing

@testable import Flows

@Suite struct FlowCacheTests {
    private let cache = FlowCache(catalog: .plain)

    private func types(_ types: [String]) throws -> [String] {
        try cache.read(FlowText.chain(types)).flow.taskTypes.flatMap(\.self)
    }

    /// More flows than the cache holds, each read twice.
    @Test func returnsEachFlow() throws {
        for number in Array(1...100) + Array(1...100) {
            let expected = Array(repeating: "pass", count: number)
            #expect(try types(expected) == expected)
        }
    }

    @Test func flowsWithDifferentTextsDiffer() throws {
        func input(_ value: JSON) throws -> JSON? {
            try cache.read(try #require(JSON.flow([.task("a", "pass", value)])["flow"])).flow.tasks[0].input?.definition
        }
        let values: [JSON] = [
            1, 1.0, 0.0, .number(-0.0), "\u{e9}", "e\u{301}", [1], ["a": 1, "b": 2], ["b": 2, "a": 1],
        ]
        for value in values + values { #expect(try input(value)?.text == value.text) }
    }

    @Test func warningsAndProblemsAreReportedEachTime() throws {
        let flow = try #require(JSON.flow([.task("a", "pass"), .task("b", "pass")])["flow"])
        for _ in 1...2 {
            #expect(try cache.read(flow).warnings.count == 1)
            #expect(throws: LaunchRefusal.self) { try cache.read(FlowText.chain(["unknown"])) }
        }
    }
}
