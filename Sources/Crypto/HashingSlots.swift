package import SharedMemory
import Synchronization

/// How many password hashes all processes of the pool compute at once, and how many more may queue here for a turn.
///
/// Each takes a core for tens of milliseconds and 19 MiB of memory: without the bound a burst of log-ins would
/// starve every other request.
package final class HashingSlots: Sendable {
    private let slots: Slots
    private let queued = Atomic(0)
    private let queueLimit: Int
    private let patience: Duration

    /// - Parameters:
    ///   - slots: best as many as there are cores.
    ///   - waiting: how many more callers of this process may wait for one.
    ///   - patience: how long each of them does.
    package init(_ slots: Slots, waiting: Int, patience: Duration = .seconds(3)) {
        self.slots = slots
        queueLimit = waiting
        self.patience = patience
    }

    /// How many callers wait for a slot now.
    package var waiting: Int { queued.load(ordering: .relaxed) }

    /// Runs the body in a slot, waiting for one if need be; throws `.busy` when too many wait already or none came
    /// free in time.
    package func withSlot<Value>(_ body: () -> Value) throws(PasswordError) -> Value {
        guard let slot = takeSlot() else { throw .busy }
        defer { slots.release(slot) }
        return body()
    }

    private func takeSlot() -> Slots.Slot? {
        // Where some wait already, a newcomer must not overtake them.
        if waiting == 0, let slot = slots.tryAcquire() { return slot }
        defer { queued.subtract(1, ordering: .relaxed) }
        guard queued.add(1, ordering: .relaxed).newValue <= queueLimit else { return nil }
        return slots.acquire(within: patience)
    }
}
