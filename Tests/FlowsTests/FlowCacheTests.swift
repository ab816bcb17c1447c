import JSON
import TestSupport
import Testing

@testable import Flows

@Suite struct FlowCacheTests {
    private let cache = FlowCache(catalog: .plain)

    private func run(_ types: [String], of workflow: Int, version: Int = 1) -> Execution {
        Execution(
            id: RunnerFixture.executionID, userID: RunnerFixture.userID,
            source: .workflow(id: "\(workflow)", version: version, isLimited: false), flow: FlowText.chain(types),
            input: [:])
    }

    @Test func returnsTheFlowOfEachVersion() {
        // More flows than the cache holds, each read twice.
        for number in Array(0..<200) + Array(0..<200) {
            let types = number.isMultiple(of: 2) ? ["pass"] : ["pass", "keep"]
            #expect(cache.flow(of: run(types, of: number / 2, version: number % 2))?.taskTypes == types)
        }
    }

    /// A restored database may reuse a version number.
    @Test func readsAVersionAgainWhenItsFlowDiffers() {
        #expect(cache.flow(of: run(["pass"], of: 1))?.taskTypes == ["pass"])
        #expect(cache.flow(of: run(["keep"], of: 1))?.taskTypes == ["keep"])
        #expect(cache.flow(of: run(["unheard of"], of: 1)) == nil)
    }
}
