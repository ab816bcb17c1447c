import Glibc
import Synchronization

/// Bounds the time in which one thread reads a request: no time-out of a socket ends a trickle.
///
/// Time is counted in ticks of the pool's timer thread, so that a responder thread reads no clock.
final class ReadDeadline: Sendable {
    private struct Watch {
        let descriptor: Int32
        var ticks = 0
        var duplicate: Int32 = -1
        var hasPassed = false
    }

    private let watch = Mutex<Watch?>(nil)

    func start(_ descriptor: Int32) {
        watch.withLock { $0 = Watch(descriptor: descriptor) }
    }

    /// To be called before the descriptor is closed; true when the connection was cut.
    func stop() -> Bool {
        watch.withLock { watch in
            defer { watch = nil }
            if let duplicate = watch?.duplicate, duplicate >= 0 { close(duplicate) }
            return watch?.hasPassed == true
        }
    }

    /// Cuts the connection at the tick after the limit.
    ///
    /// libfcgi closes a connection that it refuses before anybody can call `stop`, and the number may be another
    /// connection's at once. So what is cut is a duplicate, taken at an earlier tick than the one that cuts: it names
    /// the same connection for good. Only where no descriptor is left for one, the number itself has to do.
    func tick(limit: Int) {
        watch.withLock { watch in
            guard var current = watch, !current.hasPassed else { return }
            current.ticks += 1
            if current.ticks > limit {
                shutdown(current.duplicate < 0 ? current.descriptor : current.duplicate, Int32(SHUT_RDWR))
                current.hasPassed = true
            } else if current.duplicate < 0 {
                current.duplicate = fcntl(current.descriptor, F_DUPFD_CLOEXEC, 0)
            }
            watch = current
        }
    }
}
