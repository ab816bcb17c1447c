/// Failures by key, for throttling; shared by all processes, and bounded.
///
/// A key is 64 bits of a keyed digest (HMAC) of what is counted, made by the caller: so no client can choose which keys
/// collide, and the memory contains no names. A key has one row, of 16 slots, so every operation reads at most 16
/// words. A full row displaces the slot with the fewest remaining failures, and of those the oldest: a flood of new
/// keys displaces its own entries, not those of throttled keys.
///
/// A slot is one word: the time, a tag of the key, and the count. Two keys of one row share a slot with a probability
/// of one in 2^24. In rare cases a key gets a second slot, because an earlier one of the row was cleared at the same
/// instant; the later one then expires unread.
package struct FailureTable: Sendable {
    static let rows = 1024
    static let rowLength = 16

    private let memory: SharedMemory

    package init(in memory: SharedMemory) {
        self.memory = memory
    }

    /// The failures that were counted for the key.
    package func failures(of key: UInt64) -> Failures {
        find(key)?.entry.failures ?? .none
    }

    /// Seconds until the next attempt is allowed; zero if it is allowed now.
    package func delay(for key: UInt64, under policy: ThrottlePolicy, at now: UInt64) -> UInt64 {
        policy.wait(after: failures(of: key), at: now)
    }

    /// Like `delay`, but an attempt that is allowed after a wait is reserved for the caller: the wait starts again for
    /// all others. So concurrent calls get no more attempts than sequential ones.
    package func claimTry(for key: UInt64, under policy: ThrottlePolicy, at now: UInt64) -> UInt64 {
        while let (index, entry) = find(key) {
            let delay = policy.wait(after: entry.failures, at: now)
            if delay > 0 { return delay }
            guard policy.wait(after: entry.failures.left(at: now)) > 0 else { return 0 }
            let claimed = Entry(of: key, entry.failures.renewed(at: now))
            if memory.replace(entry.word, by: claimed.word, at: index) { return 0 }
        }
        return 0
    }

    /// Counts one failure.
    package func countFailure(of key: UInt64, at now: UInt64) {
        while true {
            let (index, former) = slot(for: key, at: now)
            let failures = former.isOf(key) ? former.failures : .none
            let entry = Entry(of: key, failures.adding(oneAt: now))
            if memory.replace(former.word, by: entry.word, at: index) { return }
        }
    }

    /// Clears the key's failures, after a success.
    package func clear(_ key: UInt64) {
        while let (index, entry) = find(key) {
            if memory.replace(entry.word, by: 0, at: index) { return }
        }
    }

    private func row(of key: UInt64) -> Range<Int> {
        Rows(of: SharedMemory.Layout.failures, length: Self.rowLength).row(for: key)
    }

    private func find(_ key: UInt64) -> (index: Int, entry: Entry)? {
        for index in row(of: key) {
            let entry = Entry(word: memory.word(index))
            if entry.isOf(key) { return (index, entry) }
        }
        return nil
    }

    /// The key's slot, or the one to displace. One pass finds both: if another thread gives the key a slot at the same
    /// time, this slot has changed as well, and the caller's `replace` fails.
    private func slot(for key: UInt64, at now: UInt64) -> (index: Int, entry: Entry) {
        let row = row(of: key)
        var candidate = (index: row.lowerBound, entry: Entry(word: memory.word(row.lowerBound)))
        for index in row {
            let entry = Entry(word: memory.word(index))
            if entry.isOf(key) { return (index, entry) }
            if entry.weight(at: now) < candidate.entry.weight(at: now) { candidate = (index, entry) }
        }
        return candidate
    }
}

/// One slot: 32 bits for the time, enough for 136 years of uptime, 24 for the tag, 8 for the count.
private struct Entry {
    let word: UInt64

    init(word: UInt64) {
        self.word = word
    }

    init(of key: UInt64, _ failures: Failures) {
        word = failures.last << 32 | Self.tag(of: key) << 8 | UInt64(failures.count)
    }

    /// The highest bits; the lowest ones select the row.
    private static func tag(of key: UInt64) -> UInt64 { key >> 40 }

    var failures: Failures { Failures(count: Int(word & 0xFF), last: word >> 32) }

    /// An entry in use counts at least one failure; an empty slot belongs to no key.
    func isOf(_ key: UInt64) -> Bool {
        word != 0 && word >> 8 & 0xFF_FFFF == Self.tag(of: key)
    }

    /// How much is lost when the entry is displaced.
    func weight(at now: UInt64) -> (left: Int, last: UInt64) {
        (failures.left(at: now), failures.last)
    }
}
