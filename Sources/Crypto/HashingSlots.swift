package import SharedMemory
import Synchronization

/// Limits how many password hashes all processes of the pool compute at once, and how many more calls may wait here.
///
/// Each hash takes a core for tens of milliseconds and 19 MiB of memory: without the limit a burst of logins would
/// starve all other requests. A client that has a slot in any process, or another call in progress here, gets a free
/// slot or none. It never waits, so that however many calls it makes at once, the next slot goes to another client, and
/// so do the few places to wait.
package final class HashingSlots: Sendable {
    private let slots: Slots
    /// Not secret: no client chooses the address of another one.
    private static let clientHash = ShortHash(key: [UInt8](repeating: 0, count: 16))
    private let queued = Atomic(0)
    /// The number of calls in progress per client in this process, in a slot or waiting for one.
    private let underWay = Mutex<[String: Int]>([:])
    private let queueLimit: Int
    private let timeout: Duration
    private let observeWait: @Sendable (Duration) -> Void

    /// - Parameters:
    ///   - slots: as many as there are cores is best.
    ///   - waiting: the maximum number of calls of this process that wait for a slot.
    ///   - timeout: how long each of them waits.
    ///   - observeWait: called with the time that a call waited for a slot: zero if one was free, and also if it got
    ///     none in time.
    package init(
        _ slots: Slots, waiting: Int, timeout: Duration = .seconds(3),
        observeWait: @escaping @Sendable (Duration) -> Void = { _ in }
    ) {
        self.slots = slots
        queueLimit = waiting
        self.timeout = timeout
        self.observeWait = observeWait
    }

    /// The number of calls that wait for a slot now.
    package var waiting: Int { queued.load(ordering: .relaxed) }

    /// Runs the body in a slot, waiting for one if necessary; throws `.busy` when too many calls wait already, the
    /// client has a slot or another call in progress, or no slot became free in time.
    ///
    /// - Parameter client: nil for a call that belongs to no client in particular.
    package func withSlot<Value>(for client: String? = nil, _ body: () -> Value) throws(PasswordError) -> Value {
        let isFirst = client.map(begin) ?? true
        defer { client.map(end) }
        guard let slot = takeSlot(for: client.map(Self.clientHash.digest), mayWait: isFirst) else { throw .busy }
        defer { slots.release(slot) }
        return body()
    }

    /// Whether the client has no other call in progress.
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

    private func takeSlot(for client: UInt64?, mayWait: Bool) -> Slots.Slot? {
        // Before and after the attempt: calls of the client in other processes take and give back slots concurrently.
        let wasServed = isServed(client)
        // If calls are waiting already, a new one must not overtake them.
        if waiting == 0, let slot = slots.tryAcquire(for: client ?? 0) {
            observeWait(.zero)
            return slot
        }
        guard mayWait, !wasServed, !isServed(client) else { return nil }
        defer { queued.subtract(1, ordering: .relaxed) }
        guard queued.add(1, ordering: .relaxed).newValue <= queueLimit else { return nil }
        let start = ContinuousClock.now
        defer { observeWait(.now - start) }
        return slots.acquire(for: client ?? 0, within: timeout)
    }

    /// Whether the client has a slot in any process.
    private func isServed(_ client: UInt64?) -> Bool { client.map(slots.isHeld) == true }
}
