import JSON
import Testing

@testable import Flows

/// Costs and delays of flows with numbers at the limits of the schema.
@Suite struct NumberLimitTests {
    private func read(_ members: [String: JSON]) throws -> Flow {
        var flow = FlowText.flow(start: "a", ["a": "pass", "b": "pass"])
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
                    #expect(delays[1] == .zero)
                    #expect(try .zero ... .seconds(86_400) ~= #require(delays[0]))
                }
                #expect(task.retry.delay(afterAttempt: 100, chance: 0) == nil)
            }
        }
    }
}
