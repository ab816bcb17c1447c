/// Failures by key, for throttling; counted by all processes together, and bounded.
///
/// A key is 64 bits of a keyed digest (HMAC) of what is counted, made by the caller: then nobody can choose what falls
/// together, and the memory tells no names. It has one row, of 16 slots, so every operation looks at 16 words at most.
/// In a full row the slot with the fewest failures left goes, the oldest of those: a flood of new keys displaces its
/// own, not those that are being slowed.
///
/// A slot is one word: the time, a tag of the key, and the count. Two keys of one row share a slot by a chance of one
/// in 2^24. In the rare case that a key gets a second slot, since an earlier one was forgotten at that very instant,
/// the later one ages unseen.
package struct FailureTable: Sendable {
    static let rows = 1024
    static let rowLength = 16

    private let memory: SharedMemory

    package init(in memory: SharedMemory) {
        self.memory = memory
    }

    /// What was counted for the key.
    package func failures(of key: UInt64) -> Failures {
        find(key)?.entry.failures ?? .none
    }

    /// Seconds until the next try is due; zero when it is now.
    package func delay(for key: UInt64, under policy: ThrottlePolicy, at now: UInt64) -> UInt64 {
        policy.wait(after: failures(of: key), at: now)
    }

    /// As `delay`, but a try that is due after a wait is the caller's alone: the wait starts again for all others. So
    /// many at once get no more tries than one after another.
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
            let (index, former) = place(for: key, at: now)
            let failures = former.isOf(key) ? former.failures : .none
            let entry = Entry(of: key, failures.adding(oneAt: now))
            if memory.replace(former.word, by: entry.word, at: index) { return }
        }
    }

    /// Forgets the key's failures, after a success.
    package func forget(_ key: UInt64) {
        while let (index, entry) = find(key) {
            if memory.replace(entry.word, by: 0, at: index) { return }
        }
    }

    private func row(of key: UInt64) -> Range<Int> {
        let first = SharedMemory.Layout.failures.lowerBound + Int(key % UInt64(Self.rows)) * Self.rowLength
        return first..<(first + Self.rowLength)
    }

    private func find(_ key: UInt64) -> (index: Int, entry: Entry)? {
        for index in row(of: key) {
            let entry = Entry(word: memory.word(index))
            if entry.isOf(key) { return (index, entry) }
        }
        return nil
    }

    /// The key's slot, or the one it may have. One pass finds both: if another thread gives the key a slot meanwhile, it
    /// is this one, or this one has changed too.
    private func place(for key: UInt64, at now: UInt64) -> (index: Int, entry: Entry) {
        let row = row(of: key)
        var least = (index: row.lowerBound, entry: Entry(word: memory.word(row.lowerBound)))
        for index in row {
            let entry = Entry(word: memory.word(index))
            if entry.isOf(key) { return (index, entry) }
            if entry.weight(at: now) < least.entry.weight(at: now) { least = (index, entry) }
        }
        return least
    }
}

/// One slot: 32 bits for the time, which last for 136 years of uptime, 24 for the tag, 8 for the count.
private struct Entry {
    let word: UInt64

    init(word: UInt64) {
        self.word = word
    }

    init(of key: UInt64, _ failures: Failures) {
        word = failures.last << 32 | Self.tag(of: key) << 8 | UInt64(failures.count)
    }

    /// The highest bits; the lowest ones have chosen the row.
    private static func tag(of key: UInt64) -> UInt64 { key >> 40 }

    var failures: Failures { Failures(count: Int(word & 0xFF), last: word >> 32) }

    /// An entry in use counts one at least; an empty slot is nobody's.
    func isOf(_ key: UInt64) -> Bool {
        word != 0 && word >> 8 & 0xFF_FFFF == Self.tag(of: key)
    }

    /// What is lost when it is displaced.
    func weight(at now: UInt64) -> (left: Int, last: UInt64) {
        (failures.left(at: now), failures.last)
    }
}
