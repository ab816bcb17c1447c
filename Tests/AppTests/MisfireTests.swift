import Testing

@testable import App

/// Which instants are made up for.
@Suite struct MisfireTests {
    private let due: [Int64] = [60, 120, 180]

    @Test func theNewestInstantStartsARun() {
        for policy in [Misfire.skip, .once] {
            #expect(policy.decide(due: due, now: 200) == .init(instant: 180, decidedUntil: 200))
            #expect(policy.decide(due: [180], now: 180) == .init(instant: 180, decidedUntil: 180))
        }
    }

    @Test func allAreMadeUpForOldestFirst() {
        #expect(Misfire.all.decide(due: due, now: 200) == .init(instant: 60, decidedUntil: 60))
        #expect(Misfire.all.decide(due: [180], now: 200) == .init(instant: 180, decidedUntil: 180))
    }

    /// The newest hundred remain, so that what is made up for continues until now.
    @Test func ofManyTheOldestAreLeftOut() {
        let many = (1...250).map { Int64($0) * 60 }
        #expect(Misfire.all.decide(due: many, now: 16_000) == .init(instant: 151 * 60, decidedUntil: 151 * 60))
        let hundred = Array(many.prefix(100))
        #expect(Misfire.all.decide(due: hundred, now: 16_000) == .init(instant: 60, decidedUntil: 60))
    }

    @Test func withoutAnInstantAllIsDecided() {
        for policy in Misfire.allCases {
            #expect(policy.decide(due: [], now: 200) == .init(instant: nil, decidedUntil: 200))
        }
    }

    @Test func skippingHasAShortLimit() {
        #expect(Misfire.skip.limit(window: 3_600) == 300 && Misfire.skip.limit(window: 60) == 60)
        #expect(Misfire.once.limit(window: 3_600) == 3_600 && Misfire.all.limit(window: 60) == 60)
    }
}
