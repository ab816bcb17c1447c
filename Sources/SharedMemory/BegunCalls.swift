package import System

/// The calls that a process of the pool has begun and not answered, so that no other process executes one again.
///
/// When a connection breaks, the web server sends its call once more, because it cannot know whether the process had
/// read it. If the call is here, it was read, and perhaps executed.
///
/// A slot is one word: the time in seconds, and a tag of the call's id, which the web server chooses at
/// random. The slot of a process that was killed remains until `lifetime` has passed, by when nothing is repeated.
package struct BegunCalls: Sendable {
    /// Longer than the time in which the web server repeats a call (`fastcgi_next_upstream_timeout`).
    static let lifetime: UInt64 = 15
    static let rows = 256
    static let rowLength = 32

    private let memory: SharedMemory

    package init(in memory: SharedMemory) {
        self.memory = memory
    }

    /// Adds the call. False if it must not be executed: a process has begun it before, or no slot is left.
    package func begin(_ id: UInt64, at now: Monotonic = .now) -> Bool {
        let new = Self.word(of: id, at: now.seconds)
        while true {
            var free: (index: Int, word: UInt64)?
            for index in row(of: id) {
                let word = memory.word(index)
                let isCurrent = word != 0 && now.seconds &- word >> Self.tagBits < Self.lifetime
                if isCurrent, word & Self.tagMask == new & Self.tagMask { return false }
                if !isCurrent, free == nil { free = (index, word) }
            }
            guard let free else { return false }
            if memory.replace(free.word, by: new, at: free.index) { return true }
        }
    }

    /// Removes the call, which was answered.
    package func end(_ id: UInt64) {
        let tag = Self.word(of: id, at: 0)
        for index in row(of: id) {
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

    private func row(of id: UInt64) -> Range<Int> {
        Rows(of: SharedMemory.Layout.calls, length: Self.rowLength).row(for: id)
    }
}
