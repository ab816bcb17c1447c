import Testing

@testable import App

@Suite struct KeyUsesTests {
    private struct Failure: Error {}

    @Test func recordsEachUseOnce() throws {
        let uses = KeyUses()
        var recorded: [KeyUses.Use] = []
        func note(_ key: String, _ network: String?, _ day: Int64) {
            let use = KeyUses.Use(key: key, network: network, day: day)
            uses.noting(use) { recorded.append(use) }
        }
        for _ in 0..<3 {
            for (key, network) in [("a", "192.0.2.1"), ("a", "192.0.2.2"), ("b", "192.0.2.1")] { note(key, network, 0) }
        }
        #expect(recorded.count == 3)
        note("a", "192.0.2.1", 86_400)
        #expect(recorded.count == 4, "once for each day")
    }

    @Test func recordsAgainAfterAFailure() throws {
        let uses = KeyUses()
        let use = KeyUses.Use(key: "a", network: nil, day: 0)
        #expect(throws: Failure.self) { try uses.noting(use) { throw Failure() } }
        var isRecorded = false
        uses.noting(use) { isRecorded = true }
        #expect(isRecorded)
    }

    /// Uses beyond its capacity are recorded again, never refused.
    @Test func capacityIsBounded() {
        let uses = KeyUses()
        var recorded = 0
        for _ in 0..<2 {
            for day in 0..<10_001 as Range<Int64> {
                uses.noting(KeyUses.Use(key: "a", network: nil, day: day)) { recorded += 1 }
            }
        }
        #expect(recorded > 10_001 && recorded <= 20_002)
    }
}
