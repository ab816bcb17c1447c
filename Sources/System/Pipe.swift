import CConfinement
import Glibc
import Synchronization

/// A pipe between two processes; both ends are close-on-exec, and closed with this object.
package final class Pipe: Sendable {
    /// What a reader finds.
    package enum Content: Equatable {
        case bytes([UInt8])
        /// Nothing at the moment.
        case nothing
        /// Nothing, and no process has the writing end any more.
        case end
    }

    package let reading: Int32
    /// -1 when it is closed.
    private let writingEnd: Mutex<Int32>

    package init() throws(ProcessError) {
        var ends: [Int32] = [-1, -1]
        guard unsafe fm_pipe(&ends) == 0 else { throw ProcessError("pipe2") }
        reading = ends[0]
        writingEnd = Mutex(ends[1])
    }

    deinit {
        closeWriting()
        close(reading)
    }

    package var writing: Int32 { writingEnd.withLock(\.self) }

    /// Closes this process's writing end, if it is open.
    package func closeWriting() {
        writingEnd.withLock { end in
            if end >= 0 { close(end) }
            end = -1
        }
    }

    /// The next bytes, at most 64 KiB; does not wait for more.
    package func read() -> Content {
        var entry = pollfd(fd: reading, events: Int16(POLLIN), revents: 0)
        guard unsafe poll(&entry, 1, 0) > 0 else { return .nothing }
        var result = 0
        let bytes = unsafe [UInt8](unsafeUninitializedCapacity: 64 << 10) { buffer, count in
            result = unsafe Glibc.read(reading, buffer.baseAddress, buffer.count)
            count = max(0, result)
        }
        if result > 0 { return .bytes(bytes) }
        return result < 0 && errno == EINTR ? .nothing : .end
    }
}
