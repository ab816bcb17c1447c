import CFastCGI
import Glibc
import Synchronization
import System

/// Connections that were answered before their request had been read. Closed at once, they could lose the response,
/// since the kernel resets a connection with unread bytes. So what the peer still sends is read and discarded, without
/// a thread, until the peer closes the connection or a time has passed.
final class LingeringConnections: Sendable {
    private let limit: Duration
    private let ends = Mutex<[Int32: Monotonic]>([:])

    /// Further ones are closed at once.
    private static let capacity = 256
    /// The number of bytes that one call of `discard` reads from one connection: the pool's timer calls it, and has
    /// other work.
    private static let share = 1 << 20

    init(limit: Duration) { self.limit = limit }

    /// Takes the connection over. The peer reads the end of the connection behind the response.
    func add(_ descriptor: Int32) {
        shutdown(descriptor, Int32(SHUT_WR))
        let isTaken = ends.withLock { ends in
            guard ends.count < Self.capacity else { return false }
            ends[descriptor] = .now + limit
            return true
        }
        if !isTaken { close(descriptor) }
    }

    /// Reads and discards what has arrived, and closes the connections that have ended.
    func discard(at now: Monotonic = .now) {
        ends.withLock { ends in
            guard !ends.isEmpty else { return }
            for (descriptor, end) in ends where now > end || Self.hasEnded(descriptor) {
                close(descriptor)
                ends[descriptor] = nil
            }
        }
    }

    func closeAll() {
        ends.withLock { ends in
            for descriptor in ends.keys { close(descriptor) }
            ends = [:]
        }
    }

    private static func hasEnded(_ descriptor: Int32) -> Bool {
        unsafe withUnsafeTemporaryAllocation(byteCount: 64 << 10, alignment: 1) { buffer in
            var total = 0
            while total < share {
                let count = unsafe recv(descriptor, buffer.baseAddress, buffer.count, Int32(MSG_DONTWAIT))
                guard count > 0 else { return count == 0 || errno != EAGAIN && errno != EINTR }
                total += count
            }
            return false
        }
    }
}
