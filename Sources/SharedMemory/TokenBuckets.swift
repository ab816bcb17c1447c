/// Token buckets by key, for rate limits; shared by all processes, and bounded.
///
/// A bucket has as many tokens as its limit, and gets them back evenly over a minute. It is stored as the time at which
/// it is full again (the theoretical arrival time of the generic cell rate algorithm), so that a call takes one atomic
/// step. A key has one row, of 15 slots, as in `FailureTable`: a full row displaces the bucket that is full soonest.
///
/// A slot is one word: 40 bits for the time in microseconds, and 24 for a tag of the key. The time wraps around after
/// 12 days, so a bucket of that long ago would look like one in use. None is left by then: a row that is used empties
/// the slots of full buckets once a second, and its first word is the time of its last use, in milliseconds. If that is
/// longer ago than any bucket takes to become full, all slots are emptied.
package struct TokenBuckets: Sendable {
    /// The time in which an empty bucket becomes full, in seconds.
    package static let window = 60
    /// The maximum limit: a token takes at least a microsecond to come back.
    package static let maximumCalls = window * 1_000_000
    static let rows = 1_024
    static let rowLength = 16
    private static let timeBits: UInt64 = 40
    private static let timeMask: UInt64 = 1 << timeBits - 1

    /// What a call has got of its bucket.
    package struct Taken: Hashable, Sendable {
        /// Whether the call may proceed.
        package let isAdmitted: Bool
        /// How many calls may follow at once.
        package let remaining: Int
        /// Seconds until the next call may follow if none is left, or else until the bucket is full again; rounded up.
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
    ///   - calls: the limit, 1 to `maximumCalls`.
    ///   - milliseconds: the time since boot.
    package func take(from key: UInt64, limit calls: Int, at milliseconds: UInt64) -> Taken {
        precondition((1...Self.maximumCalls).contains(calls))
        let (now, calls) = (milliseconds &* 1_000, UInt64(calls))
        let interval = UInt64(Self.maximumCalls) / calls
        let row = Rows(of: SharedMemory.Layout.buckets, length: Self.rowLength).row(for: key).lowerBound
        use(row, at: milliseconds)
        let whole = interval * calls
        while true {
            let (index, word) = slot(for: key, in: row, at: now)
            let missing = Self.isBucket(word, of: key) ? min(Self.timeUntilFull(word, at: now), whole) : 0
            let next = missing + interval
            guard next <= whole else {
                return Taken(isAdmitted: false, remaining: 0, reset: Self.seconds(next - whole))
            }
            let full = (now &+ next) & Self.timeMask
            guard memory.replace(word, by: Self.tag(of: key) << Self.timeBits | full, at: index) else { continue }
            let remaining = (whole - next) / interval
            let wait = remaining == 0 ? next + interval - whole : next
            return Taken(isAdmitted: true, remaining: Int(remaining), reset: Self.seconds(wait))
        }
    }

    /// Microseconds; zero for a bucket that is full. Of two threads, one may have read the clock later than the other:
    /// so a time that is somewhat beyond the window is not one of long ago.
    private static func timeUntilFull(_ word: UInt64, at now: UInt64) -> UInt64 {
        let time = (word &- now) & timeMask
        return time <= longestTime ? time : 0
    }

    /// No bucket that was used before takes longer to become full, in microseconds.
    private static let longestTime = 2 * UInt64(maximumCalls)
    /// How exact the time of a row's last use is, in milliseconds.
    private static let exactness: UInt64 = 1_000

    /// Records that the row is used, and empties the slots with full buckets: all, if its last use is long ago.
    ///
    /// The words are read before the time is replaced, which only one thread does: so a slot is emptied only if no
    /// other thread has used it since.
    private func use(_ row: Int, at milliseconds: UInt64) {
        let last = memory.word(row)
        guard milliseconds >= last + Self.exactness else { return }
        let isLongAgo = milliseconds - last > Self.longestTime / 1_000
        let words = slots(of: row).map { (index: $0, word: memory.word($0)) }
        guard memory.replace(last, by: milliseconds, at: row) else { return }
        for (index, word) in words where word != 0 {
            guard isLongAgo || Self.timeUntilFull(word, at: milliseconds &* 1_000) == 0 else { continue }
            _ = memory.replace(word, by: 0, at: index)
        }
    }

    private func slots(of row: Int) -> Range<Int> { (row + 1)..<(row + Self.rowLength) }

    private static func seconds(_ microseconds: UInt64) -> Int { Int((microseconds + 999_999) / 1_000_000) }

    /// Never zero, so that a bucket in use is never an empty slot.
    private static func tag(of key: UInt64) -> UInt64 { max(1, key >> timeBits) }

    private static func isBucket(_ word: UInt64, of key: UInt64) -> Bool { word >> timeBits == tag(of: key) }

    /// The key's slot, or the one to displace. One pass finds both, as in `FailureTable`.
    private func slot(for key: UInt64, in row: Int, at now: UInt64) -> (index: Int, word: UInt64) {
        var (candidate, least) = ((index: row + 1, word: memory.word(row + 1)), UInt64.max)
        for index in slots(of: row) {
            let word = memory.word(index)
            if Self.isBucket(word, of: key) { return (index, word) }
            // Of an empty slot zero, so that it comes before every bucket.
            let weight = word == 0 ? 0 : 1 + Self.timeUntilFull(word, at: now)
            if weight < least { (candidate, least) = ((index, word), weight) }
        }
        return candidate
    }
}
