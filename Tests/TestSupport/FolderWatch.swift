import Glibc

/// Waits for writes to the files of a folder, such as a log (inotify(7)).
package final class FolderWatch {
    private let descriptor: Int32

    package init(_ folder: String) throws {
        descriptor = inotify_init1(Int32(IN_CLOEXEC | IN_NONBLOCK))
        let events = UInt32(IN_MODIFY | IN_CREATE | IN_MOVED_TO)
        guard descriptor >= 0, unsafe inotify_add_watch(descriptor, folder, events) >= 0 else {
            throw TestFailure("inotify: \(errno)")
        }
    }

    deinit { close(descriptor) }

    /// Returns true when the condition holds, which is checked after each write; false if it does not hold in time.
    package func wait(for seconds: Int, until condition: () throws -> Bool) rethrows -> Bool {
        let deadline = ContinuousClock.now + .seconds(seconds)
        while true {
            if try condition() { return true }
            let remaining = ContinuousClock.now.duration(to: deadline).components.seconds
            guard remaining >= 0 else { return false }
            var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            unsafe poll(&entry, 1, Int32(remaining + 1) * 1_000)
            // The events are read only to clear them.
            var events = [UInt8](repeating: 0, count: 4_096)
            while unsafe read(descriptor, &events, events.count) > 0 {}
        }
    }
}
