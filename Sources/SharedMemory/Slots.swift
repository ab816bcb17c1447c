import Glibc

/// A limit on what all processes of the pool do at the same time. The slots of a process that has exited are reclaimed.
package struct Slots: Sendable {
    /// One slot that is held; must be released once.
    package struct Slot: Sendable {
        fileprivate let index: Int
    }

    /// The maximum of `limit`.
    package static let capacity = SharedMemory.Layout.holders.count
    /// The maximum time until a waiting thread notices the slot of a process that died.
    private static let maximumSleep = Duration.milliseconds(100)

    private let memory: SharedMemory
    private let indices: Range<Int>
    private let holder = Holder(id: getpid())
    /// From the index of a slot to that of its client.
    private static let toClient = SharedMemory.Layout.holderClients.lowerBound - SharedMemory.Layout.holders.lowerBound

    /// - Parameter limit: how many may be held at once, 1 to `capacity`; the same in all processes.
    package init(in memory: SharedMemory, limit: Int) {
        precondition(limit > 0, "at least one must be able to run")
        let first = SharedMemory.Layout.holders.lowerBound
        indices = first..<(first + min(limit, Self.capacity))
        self.memory = memory
    }

    /// A slot that is free, or was held by a process that has died; nil if there is none.
    ///
    /// - Parameter client: a digest of the client that gets the slot, for `isHeld(for:)`; 0 if it is for no client in
    ///   particular.
    package func tryAcquire(for client: UInt64 = 0) -> Slot? {
        guard let slot = tryTake() else { return nil }
        memory.set(client, at: slot.index + Self.toClient)
        return slot
    }

    private func tryTake() -> Slot? {
        for index in indices where memory.word(index) == 0 && memory.replace(0, by: holder.word, at: index) {
            return Slot(index: index)
        }
        for index in indices {
            let word = memory.word(index)
            // This process is running, so its status need not be read.
            guard word != 0, word != holder.word, !Holder(word: word).isAlive else { continue }
            if memory.replace(word, by: holder.word, at: index) { return Slot(index: index) }
        }
        return nil
    }

    /// A slot, waiting for one if necessary; nil after the timeout. Waiting threads are not served in order.
    package func acquire(for client: UInt64 = 0, within timeout: Duration) -> Slot? {
        let deadline = ContinuousClock.now + timeout
        while true {
            // Read before the check: a slot released after it ends the wait before it begins.
            let seen = memory.signals
            if let slot = tryAcquire(for: client) { return slot }
            let left = deadline - .now
            guard left > .zero else { return nil }
            memory.awaitSignal(after: seen, atMost: min(left, Self.maximumSleep))
        }
    }

    /// How many slots running processes hold.
    package var held: Int { indices.count(where: isHeld) }

    /// Whether a running process holds a slot for that client. One that is acquired right now may be overlooked.
    package func isHeld(for client: UInt64) -> Bool {
        indices.contains { memory.word($0 + Self.toClient) == client && isHeld($0) }
    }

    private func isHeld(_ index: Int) -> Bool {
        let word = memory.word(index)
        return word != 0 && Holder(word: word).isAlive
    }

    /// Releases the slot, and wakes one waiting thread in any process.
    package func release(_ slot: Slot) {
        // Not cleared unconditionally: a process that could not see this one may have reclaimed the slot.
        _ = memory.replace(holder.word, by: 0, at: slot.index)
        memory.signal()
    }
}
