import Glibc
import System
import Synchronization

/// The one timer thread of a pool.
final class Timer: Sendable {
    private let interval: Int32
    private let limit: Int
    private let end: WakeUp
    private let thread = Mutex<NativeThread?>(nil)

    /// The maximum delay, in milliseconds, until a passed deadline is noticed.
    private static let maximumInterval: Int64 = 100

    init(deadline: Duration) throws(FastCGIError) {
        let milliseconds = deadline.milliseconds
        let interval = min(Self.maximumInterval, max(1, milliseconds / 4))
        self.interval = Int32(interval)
        self.limit = Int(milliseconds / interval)
        end = try .make()
    }

    /// Calls `tick` at regular intervals, with the number of ticks that makes up the deadline.
    func start(_ tick: @escaping @Sendable (_ limit: Int) -> Void) throws(FastCGIError) {
        let started = try NativeThread.start { [end, interval, limit] in
            var wait = pollfd(fd: end.descriptor, events: Int16(POLLIN), revents: 0)
            while unsafe poll(&wait, 1, interval) <= 0 { tick(limit) }
        }
        thread.withLock { $0 = started }
    }

    func stop() {
        end.signal()
        let running = thread.withLock { thread in
            defer { thread = nil }
            return thread
        }
        running?.join()
    }
}
