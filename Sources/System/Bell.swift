import CSystem
import Glibc

/// Wakes the one thread that waits for it (eventfd(2)). A ring before the wait is not lost; several rings count as one.
package final class Bell: Sendable {
    /// Readable from a ring until `hear`, so that a thread can wait for it together with other descriptors.
    package let descriptor: Int32

    package init() throws(ProcessError) {
        descriptor = eventfd(0, Int32(EFD_CLOEXEC | EFD_NONBLOCK))
        guard descriptor >= 0 else { throw ProcessError("eventfd") }
    }

    deinit {
        close(descriptor)
    }

    package func ring() {
        eventfd_write(descriptor, 1)
    }

    /// Whether it has rung since the last call; does not wait.
    @discardableResult
    package func hear() -> Bool {
        var count: eventfd_t = 0
        return unsafe eventfd_read(descriptor, &count) == 0
    }

    /// Waits for a ring, until `deadline` if there is one.
    package func wait(until deadline: Monotonic? = nil) {
        while !hear() {
            if let deadline, deadline <= .now { return }
            _ = readable(among: [descriptor], until: deadline)
        }
    }
}
