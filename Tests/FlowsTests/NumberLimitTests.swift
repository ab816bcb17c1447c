import JSON
import Testing

@testable import Flows

/// Costs and delays of flows with numbers at the limits of the schema.
@Suite struct NumberLimitTests {
    private func read(_ members: [String: JSON]) throws -> Flow {
        var flow = FlowText.flow(
            start: "a", ["a": "pass", "b": "pass"], [FlowText.condition("c", after: "a", success: "b")])
        for (name, value) in members { flow = flow.replacing(["tasks", "0", name], with: value) }
        var reader = FlowReader(catalog: .plain)
        let read = reader.read(flow)
        return try #require(read, "\(reader.problems)")
    }

    @Test func theMaximumCostIsClampedToTheGreatestNumber() throws {
        let flow = try read(["max_visits": 1_000])
        let cases: [(price: Int64, maximum: Int64)] = [
            (1, 1_001), (1_000_000_000, 1_001_000_000_000), (.max / 1_001, .max / 1_001 * 1_001),
            (.max / 1_000, .max), (.max, .max),
        ]
        for (price, maximum) in cases {
            let prices = PriceList(["pass": Price(cost: price, isActive: true)])
            #expect(Budget(for: flow, at: prices).maximumCost == maximum, "\(price)")
        }
    }

    @Test func retryDelaysAreAtMostADay() throws {
        for initial in [0, .leastNonzeroMagnitude, 86_400] as [Double] {
            for factor in [1, 1.0.nextUp, 100] {
                let retry: JSON = [
                    "max_attempts": 100, "initial_delay": .number(initial), "factor": .number(factor),
                    "max_delay": 86_400, "jitter": 1,
                ]
                let task = try read(["retry": retry, "timeout": 31_536_000]).tasks[0]
                for attempt in 0..<100 {
                    let delays = [0, 1].map { task.retry.delay(afterAttempt: attempt, chance: $0) }
                    #expect(delays[1] == .seconds(0.05))
                    #expect(try .seconds(0.05) ... .seconds(86_400) ~= #require(delays[0]))
                }
                #expect(task.retry.delay(afterAttempt: 100, chance: 0) == nil)
            }
        }
    }

    /// A flow that asks for no delay cannot keep a thread with its attempts.
    @Test(arguments: [(0, 60), (5, 0)] as [(Double, Double)])
    func retriesWithoutADelayWaitLongerEachTime(initial: Double, maximum: Double) throws {
        let policy: JSON = [
            "max_attempts": 9, "initial_delay": .number(initial), "max_delay": .number(maximum), "jitter": 0,
        ]
        let retry = try read(["retry": policy]).tasks[0].retry
        let delays = (1...9).map { retry.delay(afterAttempt: $0, chance: 0) }
        #expect(delays == [0.05, 0.1, 0.2, 0.4, 0.8, 1, 1, 1].map { .seconds($0) } + [nil])
    }
}
