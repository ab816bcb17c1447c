import CSystem
import Glibc

/// A POSIX thread for blocking work. Every signal is blocked in it: a signal would interrupt a library's reads, and the
/// main thread reads signals.
package struct NativeThread: Sendable {
    private let handle: pthread_t

    /// Enough for the deepest recursion of a request; only pages that are used occupy memory.
    private static let stackSize = 1 << 20

    package init(_ body: @escaping @Sendable () -> Void) throws(ProcessError) {
        // Blocked before the thread exists, because it inherits the mask: so no signal can ever reach it.
        var all = sigset_t()
        var before = sigset_t()
        unsafe sigfillset(&all)
        unsafe pthread_sigmask(SIG_SETMASK, &all, &before)
        defer { unsafe pthread_sigmask(SIG_SETMASK, &before, nil) }

        var attributes = pthread_attr_t()
        unsafe pthread_attr_init(&attributes)
        defer { unsafe pthread_attr_destroy(&attributes) }
        unsafe pthread_attr_setstacksize(&attributes, Self.stackSize)

        let start = unsafe Unmanaged.passRetained(Body(body))
        var handle = pthread_t()
        let code = unsafe pthread_create(
            &handle, &attributes,
            { context in
                guard let context = unsafe context else { return nil }
                unsafe Unmanaged<Body>.fromOpaque(context).takeRetainedValue().run()
                return nil
            }, start.toOpaque())
        guard code == 0 else {
            unsafe start.release()
            throw ProcessError("pthread_create", code: code)
        }
        self.handle = handle
    }

    /// Waits until the thread has ended; must be called once, unless it is detached.
    package func join() {
        pthread_join(handle, nil)
    }

    /// Lets the thread end by itself; instead of `join`.
    package func detach() {
        pthread_detach(handle)
    }

    private final class Body: Sendable {
        let run: @Sendable () -> Void
        init(_ run: @escaping @Sendable () -> Void) { self.run = run }
    }
}
