import CSystem
import Glibc

/// Wakes a thread that waits for it (eventfd(2)). A signal before the wait is not lost; several count as one.
package final class WakeUp: Sendable {
    /// Readable from a signal until `clear`, so that a thread can wait for it together with other descriptors.
    package let descriptor: Int32

    package init() throws(ProcessError) {
        descriptor = eventfd(0, Int32(EFD_CLOEXEC | EFD_NONBLOCK))
        guard descriptor >= 0 else { throw ProcessError("eventfd") }
    }

    deinit {
        close(descriptor)
    }

    package func signal() {
        eventfd_write(descriptor, 1)
    }

    /// Whether it was signalled since the last call; does not wait.
    @discardableResult
    package func clear() -> Bool {
        var count: eventfd_t = 0
        return unsafe eventfd_read(descriptor, &count) == 0
    }

    /// Waits for a signal, until `deadline` if there is one.
    package func wait(until deadline: Monotonic? = nil) {
        while !clear() {
            if let deadline, deadline <= .now { return }
            _ = readable(among: [descriptor], until: deadline)
        }
    }
}
