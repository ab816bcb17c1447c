import System

/// Ids that processes of the pool have added lately, so that none is added twice.
///
/// A slot is one word: the time in seconds, and a tag of the id, which is chosen at random. A slot is free again when
/// `lifetime` has passed.
struct RecentIDs: Sendable {
    let memory: SharedMemory
    let rows: Rows
    /// In seconds.
    let lifetime: UInt64

    enum Addition {
        case added
        /// A process has added it before.
        case known
        /// No slot is left.
        case full
    }

    func add(_ id: UInt64, at now: Monotonic) -> Addition {
        let new = Self.word(of: id, at: now.seconds)
        while true {
            var free: (index: Int, word: UInt64)?
            for index in rows.row(for: id) {
                let word = memory.word(index)
                let isCurrent = word != 0 && now.seconds &- word >> Self.tagBits < lifetime
                if isCurrent, word & Self.tagMask == new & Self.tagMask { return .known }
                if !isCurrent, free == nil { free = (index, word) }
            }
            guard let free else { return .full }
            if memory.replace(free.word, by: new, at: free.index) { return .added }
        }
    }

    /// Removes the id, which may then be added again.
    func remove(_ id: UInt64) {
        let tag = Self.word(of: id, at: 0)
        for index in rows.row(for: id) {
            let word = memory.word(index)
            if word & Self.tagMask == tag { _ = memory.replace(word, by: 0, at: index) }
        }
    }

    private static let tagBits: UInt64 = 32
    private static let tagMask: UInt64 = 1 << tagBits - 1

    /// The lowest bits of the id select the row, the highest ones are the tag, which is never zero.
    private static func word(of id: UInt64, at seconds: UInt64) -> UInt64 {
        seconds << tagBits | max(1, id >> (64 - tagBits))
    }
}
