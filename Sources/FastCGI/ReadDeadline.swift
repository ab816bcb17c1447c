import Glibc
import Synchronization

/// Limits the time in which one thread reads a request: a socket timeout does not stop a peer that sends single bytes.
///
/// Time is counted in ticks of the pool's timer thread, so that responder threads read no clock.
final class ReadDeadline: Sendable {
    private struct Watch {
        let descriptor: Int32
        let limit: Int?
        var ticks = 0
        var duplicate: Int32 = -1
        var hasPassed = false
    }

    private let watch = Mutex<Watch?>(nil)

    /// - Parameter limit: the number of ticks after which the connection is shut down; nil: as `tick` says.
    func start(_ descriptor: Int32, limit: Int? = nil) {
        watch.withLock { $0 = Watch(descriptor: descriptor, limit: limit) }
    }

    /// Must be called before the descriptor is closed. Returns whether the connection was shut down.
    func stop() -> Bool {
        watch.withLock { watch in
            defer { watch = nil }
            if let duplicate = watch?.duplicate, duplicate >= 0 { close(duplicate) }
            return watch?.hasPassed == true
        }
    }

    /// Shuts the connection down at the first tick after the limit.
    ///
    /// libfcgi closes a connection that it refuses before the thread can call `stop`, and another connection may get
    /// the descriptor at once. So the shutdown goes to a duplicate made at an earlier tick, which always refers to the
    /// same connection. Only if no descriptor is free for a duplicate, the original is used.
    func tick(limit: Int) {
        watch.withLock { watch in
            guard var current = watch, !current.hasPassed else { return }
            current.ticks += 1
            if current.ticks > current.limit ?? limit {
                shutdown(current.duplicate < 0 ? current.descriptor : current.duplicate, Int32(SHUT_RDWR))
                current.hasPassed = true
            } else if current.duplicate < 0 {
                current.duplicate = fcntl(current.descriptor, F_DUPFD_CLOEXEC, 0)
            }
            watch = current
        }
    }
}
