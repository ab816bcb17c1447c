package import SharedMemory
import Synchronization

/// How many password hashes all processes of the pool compute at once, and how many more may queue here for a turn.
///
/// Each takes a core for tens of milliseconds and 19 MiB of memory: without the bound a burst of log-ins would
/// starve every other request. And a client that has one under way here gets a free slot or none: it never waits, so
/// that however many calls it makes at once, the next turn is somebody else's.
package final class HashingSlots: Sendable {
    private let slots: Slots
    private let queued = Atomic(0)
    /// How many each client has in a slot, or waiting for one, here.
    private let underWay = Mutex<[String: Int]>([:])
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

    /// Runs the body in a slot, waiting for one if need be; throws `.busy` when too many wait already, the client has
    /// another one under way, or none came free in time.
    ///
    /// - Parameter client: nil for what is nobody's in particular.
    package func withSlot<Value>(for client: String? = nil, _ body: () -> Value) throws(PasswordError) -> Value {
        let isFirst = client.map(begin) ?? true
        defer { client.map(end) }
        guard let slot = takeSlot(orWait: isFirst) else { throw .busy }
        defer { slots.release(slot) }
        return body()
    }

    /// Whether the client has no other one under way.
    private func begin(_ client: String) -> Bool {
        underWay.withLock { counts in
            counts[client, default: 0] += 1
            return counts[client] == 1
        }
    }

    private func end(_ client: String) {
        underWay.withLock { counts in
            counts[client, default: 1] -= 1
            if counts[client] == 0 { counts[client] = nil }
        }
    }

    private func takeSlot(orWait mayWait: Bool) -> Slots.Slot? {
        // Where some wait already, a newcomer must not overtake them.
        if waiting == 0, let slot = slots.tryAcquire() { return slot }
        guard mayWait else { return nil }
        defer { queued.subtract(1, ordering: .relaxed) }
        guard queued.add(1, ordering: .relaxed).newValue <= queueLimit else { return nil }
        return slots.acquire(within: patience)
    }
}
