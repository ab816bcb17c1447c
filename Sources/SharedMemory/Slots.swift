import Glibc

/// A limit to what all processes of the pool do at once; what a process held that died is taken over.
package struct Slots: Sendable {
    /// One of them, held; to be released once.
    package struct Slot: Sendable {
        fileprivate let index: Int
    }

    /// More than this many at once cannot be had.
    package static let capacity = SharedMemory.Layout.holders.count
    /// How long a slot of a process that died may go unnoticed by one that waits.
    private static let longestSleep = Duration.milliseconds(100)

    private let memory: SharedMemory
    private let places: Range<Int>
    private let holder = Holder(id: getpid())

    /// - Parameter limit: how many may be held at once, 1 to `capacity`; the same in all processes.
    package init(in memory: SharedMemory, limit: Int) {
        precondition(limit > 0, "at least one must be able to run")
        let first = SharedMemory.Layout.holders.lowerBound
        places = first..<(first + min(limit, Self.capacity))
        self.memory = memory
    }

    /// A slot, if one is free, or was held by a process that has died.
    package func tryAcquire() -> Slot? {
        for place in places where memory.word(place) == 0 && memory.replace(0, by: holder.word, at: place) {
            return Slot(index: place)
        }
        for place in places {
            let word = memory.word(place)
            // This process lives: spared the questions about it.
            guard word != 0, word != holder.word, !Holder(word: word).isAlive else { continue }
            if memory.replace(word, by: holder.word, at: place) { return Slot(index: place) }
        }
        return nil
    }

    /// A slot, waited for if need be; nil when none came free in time. Who comes first need not be served first.
    package func acquire(within patience: Duration) -> Slot? {
        let deadline = ContinuousClock.now + patience
        while true {
            // Before the look: a slot released after it ends the wait before it begins.
            let seen = memory.signals
            if let slot = tryAcquire() { return slot }
            let left = deadline - .now
            guard left > .zero else { return nil }
            memory.awaitSignal(after: seen, atMost: min(left, Self.longestSleep))
        }
    }

    /// Gives the slot back, and wakes one that waits, in whatever process.
    package func release(_ slot: Slot) {
        // Not simply cleared, in case the slot was taken over by one who could not see this process.
        _ = memory.replace(holder.word, by: 0, at: slot.index)
        memory.signal()
    }
}
