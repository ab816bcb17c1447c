import JSON
import TestSupport
import Testing

@testable import Flows

@Suite struct FlowCacheTests {
    private let cache = FlowCache(catalog: .plain)

    private func run(_ types: [String], of workflow: Int, version: Int = 1) -> Execution {
        Execution(
            id: RunnerPlace.executionID, userID: RunnerPlace.userID,
            source: .workflow(id: "\(workflow)", version: version, concurrency: nil), flow: FlowText.chain(types),
            input: [:])
    }

    @Test func givesEachVersionItsOwnFlow() {
        // More of them than it keeps, and twice.
        for number in Array(0..<200) + Array(0..<200) {
            let types = number.isMultiple(of: 2) ? ["pass"] : ["pass", "keep"]
            #expect(cache.flow(of: run(types, of: number / 2, version: number % 2))?.taskTypes == types)
        }
    }

    /// A database that was restored may give a number again.
    @Test func readsAVersionAnewThatIsAnotherOne() {
        #expect(cache.flow(of: run(["pass"], of: 1))?.taskTypes == ["pass"])
        #expect(cache.flow(of: run(["keep"], of: 1))?.taskTypes == ["keep"])
        #expect(cache.flow(of: run(["unheard of"], of: 1)) == nil)
    }
}
