import Synchronization

/// The threads of a pool that wait for the rest of a body. All but a quarter may do so at the same time: the others
/// serve calls that have arrived, however many clients send slowly.
final class BodyWaits: Sendable {
    private let limit: Int
    private let count = Atomic(0)

    init(threads: Int) { limit = max(1, threads - max(1, threads / 4)) }

    /// Whether the thread may wait. If so, it must call `end` afterwards.
    func begin() -> Bool {
        if count.add(1, ordering: .relaxed).oldValue < limit { return true }
        end()
        return false
    }

    func end() { count.subtract(1, ordering: .relaxed) }
}
