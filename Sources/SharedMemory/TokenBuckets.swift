/// Token buckets by key, for rate limits; shared by all processes, and bounded.
///
/// A bucket has as many tokens as its limit, and gets them back evenly over a window. It is stored as the time at which
/// it is full again (the theoretical arrival time of the generic cell rate algorithm), so that a call takes one atomic
/// step. A key has one row, of 16 slots, as in `FailureTable`: a full row displaces the bucket that is full soonest.
///
/// A slot is one word: 40 bits for the time in milliseconds, enough for 34 years of uptime, and 24 for a tag of the key.
package struct TokenBuckets: Sendable {
    static let rows = 1_024
    static let rowLength = 16
    private static let timeBits: UInt64 = 40
    private static let timeMask: UInt64 = 1 << timeBits - 1

    /// A limit: that many calls in a window, evenly refilled.
    package struct Limit: Hashable, Sendable {
        package let calls: Int
        /// In seconds.
        package let window: Int

        /// - Parameter calls: at least one.
        package init(calls: Int, window: Int) {
            precondition(calls > 0 && window > 0)
            self.calls = calls
            self.window = window
        }

        /// The time in which one token comes back, in milliseconds, rounded.
        fileprivate var interval: UInt64 { max(1, UInt64((window * 1_000 + calls / 2) / calls)) }
    }

    /// What a call has got of its bucket.
    package struct Taken: Hashable, Sendable {
        /// Whether the call may proceed.
        package let isAdmitted: Bool
        /// How many calls may follow at once.
        package let remaining: Int
        /// Seconds until the next call may follow if none is left, or else until the bucket is full; rounded up.
        package let reset: Int
    }

    private let memory: SharedMemory

    package init(in memory: SharedMemory) {
        self.memory = memory
    }

    /// Takes a token of the key's bucket; a refused call takes none.
    ///
    /// - Parameters:
    ///   - key: 64 bits of a keyed digest, so that no client can choose which keys collide.
    ///   - now: the time since boot, in milliseconds.
    package func take(from key: UInt64, _ limit: Limit, at now: UInt64) -> Taken {
        let interval = limit.interval
        let capacity = interval * UInt64(limit.calls)
        while true {
            let (index, word) = slot(for: key, at: now)
            let isOwn = word != 0 && word >> Self.timeBits == Self.tag(of: key)
            // The time until the bucket is full, before and after the call.
            let before = max(isOwn ? word & Self.timeMask : 0, now) - now
            let after = before + interval
            guard after <= capacity else {
                return Taken(isAdmitted: false, remaining: 0, reset: Self.seconds(after - capacity))
            }
            let new = Self.tag(of: key) << Self.timeBits | (now + after) & Self.timeMask
            guard memory.replace(word, by: new, at: index) else { continue }
            let remaining = Int((capacity - after) / interval)
            let wait = remaining == 0 ? after + interval - capacity : after
            return Taken(isAdmitted: true, remaining: remaining, reset: Self.seconds(wait))
        }
    }

    /// Rounded up, and at least one.
    private static func seconds(_ milliseconds: UInt64) -> Int { max(1, Int((milliseconds + 999) / 1_000)) }

    /// Never zero, so that a bucket in use is never an empty slot.
    private static func tag(of key: UInt64) -> UInt64 { max(1, key >> timeBits) }

    /// The key's slot, or the one to displace. One pass finds both, as in `FailureTable`.
    private func slot(for key: UInt64, at now: UInt64) -> (index: Int, word: UInt64) {
        let first = SharedMemory.Layout.buckets.lowerBound + Int(key % UInt64(Self.rows)) * Self.rowLength
        var candidate = (index: first, word: memory.word(first))
        for index in first..<(first + Self.rowLength) {
            let word = memory.word(index)
            if word != 0, word >> Self.timeBits == Self.tag(of: key) { return (index, word) }
            if word & Self.timeMask < candidate.word & Self.timeMask { candidate = (index, word) }
        }
        return candidate
    }
}
