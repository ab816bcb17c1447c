import Testing

@testable import SharedMemory

@Suite struct FailureTableTests {
    private let memory: SharedMemory
    private let table: FailureTable

    init() throws {
        memory = try SharedMemory()
        table = FailureTable(in: memory)
    }

    /// Different keys that belong to the same row.
    private func keysOfOneRow(_ count: Int, row: Int = 5) -> [UInt64] {
        (1...UInt64(count)).map { $0 << 40 | UInt64(row) }
    }

    private func count(_ failures: Int, of key: UInt64, at now: UInt64) {
        for _ in 0..<failures { table.countFailure(of: key, at: now) }
    }

    @Test(arguments: [0, 1, UInt64(FailureTable.rows) - 1, 1 << 40, 0x00FF_FFFF << 40, .max])
    func countsAnyKey(key: UInt64) {
        #expect(table.failures(of: key) == .none)
        count(3, of: key, at: 100)
        #expect(table.failures(of: key) == Failures(count: 3, last: 100))
        table.clear(key)
        #expect(table.failures(of: key) == .none)
    }

    @Test func clearingAKeyKeepsTheOthers() {
        let keys = keysOfOneRow(FailureTable.rowLength)
        for key in keys { table.countFailure(of: key, at: 100) }
        table.clear(keys[3])
        table.clear(12345)
        for key in keys { #expect(table.failures(of: key).count == (key == keys[3] ? 0 : 1)) }
    }

    @Test func countsUpToTheLimit() {
        count(Failures.limit + 45, of: 7, at: 100)
        #expect(table.failures(of: 7).count == Failures.limit)
    }

    @Test func countsFromTheDecayedValue() {
        count(8, of: 7, at: 100)
        table.countFailure(of: 7, at: 100 + Failures.halfLife)
        #expect(table.failures(of: 7) == Failures(count: 5, last: 100 + Failures.halfLife))
    }

    @Test func aFullRowReplacesItsOldestKeys() {
        let keys = keysOfOneRow(FailureTable.rowLength + 2)
        for (index, key) in keys.enumerated() { table.countFailure(of: key, at: 100 + UInt64(index)) }
        #expect(keys.map { table.failures(of: $0).count } == [0, 0] + Array(repeating: 1, count: keys.count - 2))
    }

    @Test func aFloodReplacesOnlyItsOwnKeys() {
        let keys = keysOfOneRow(100_000)
        let throttled = keys[0]
        let otherRow: UInt64 = 6
        count(6, of: throttled, at: 100)
        table.countFailure(of: otherRow, at: 100)
        for key in keys.dropFirst() { table.countFailure(of: key, at: 101) }
        #expect(table.failures(of: throttled).count == 6)
        #expect(table.failures(of: otherRow).count == 1)
        #expect(keys.count { table.failures(of: $0) != .none } == FailureTable.rowLength)
    }

    @Test func expiredFailuresAreReplacedFirst() {
        let keys = keysOfOneRow(FailureTable.rowLength + 1)
        let expiry: UInt64 = 100 + 4 * Failures.halfLife
        count(15, of: keys[0], at: 100)
        for key in keys[1..<FailureTable.rowLength] { table.countFailure(of: key, at: expiry) }
        table.countFailure(of: keys[FailureTable.rowLength], at: expiry)
        #expect(table.failures(of: keys[0]) == .none)
    }

    @Test func concurrentFailuresAreAllCounted() throws {
        let tables = [table, FailureTable(in: try memory.mappedAgain())]
        let rows = (0..<FailureTable.rows).map { keysOfOneRow(FailureTable.rowLength, row: $0) }
        // Eight threads count all keys, each in a different order, so that they also allocate the slots concurrently.
        onThreads(8) { thread in
            for keys in rows {
                for turn in keys.indices {
                    tables[thread % 2].countFailure(of: keys[(turn + thread) % keys.count], at: 100)
                }
            }
        }
        #expect(rows.joined().count { table.failures(of: $0).count != 8 } == 0)
    }

    @Test func oneOfManyConcurrentCallsClaimsTheTry() {
        let policy = ThrottlePolicy(free: 5)
        count(8, of: 7, at: 100)
        let tries = Tally()
        onThreads(8) { _ in
            for now: UInt64 in 100...104 {
                if table.claimTry(for: 7, under: policy, at: now) == 0 { tries.add() }
            }
        }
        #expect(tries.count == 1)
        #expect(table.delay(for: 7, under: policy, at: 105) == 3)
    }

    @Test func freeTriesNeedNoClaim() {
        let policy = ThrottlePolicy(free: 5)
        count(5, of: 7, at: 100)
        for _ in 0..<10 { #expect(table.claimTry(for: 7, under: policy, at: 100) == 0) }
        #expect(table.failures(of: 7) == Failures(count: 5, last: 100))
    }
}
