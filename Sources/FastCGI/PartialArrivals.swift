import Synchronization
import System

/// The connections on which only a part of a request has arrived. They occupy no thread: at each tick of the pool's
/// timer they are looked at again, since epoll would report their bytes at once and repeatedly.
final class PartialArrivals: Sendable {
    private struct Entry {
        var count: Int
        let began: Monotonic
        var lastProgress: Monotonic
    }

    private let readDeadline: Duration
    private let silenceLimit: Duration
    private let entries = Mutex<[Int32: Entry]>([:])

    init(_ settings: FastCGISettings) {
        readDeadline = settings.readDeadline
        silenceLimit = settings.silenceLimit
    }

    /// Records that so many bytes have arrived; the event with which to close the connection if it is too late.
    func note(_ count: Int, on descriptor: Int32, at now: Monotonic = .now) -> FastCGIEvent? {
        entries.withLock { entries in
            var entry = entries[descriptor] ?? Entry(count: 0, began: now, lastProgress: now)
            if count > entry.count { (entry.count, entry.lastProgress) = (count, now) }
            entries[descriptor] = entry
            if now - entry.began > readDeadline { return .deadlinePassed(id: "", client: "") }
            return now - entry.lastProgress > silenceLimit ? .requestUnreadable : nil
        }
    }

    /// Must be called before the connection is closed, handed over or used otherwise.
    func remove(_ descriptor: Int32) {
        entries.withLock { $0[descriptor] = nil }
    }

    /// Calls `arm` for each. None of them can be removed at the same time.
    func forEach(_ arm: (Int32) -> Void) {
        entries.withLock { for descriptor in $0.keys { arm(descriptor) } }
    }
}
