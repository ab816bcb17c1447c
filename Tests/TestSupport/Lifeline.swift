import Glibc
import Synchronization

/// A pipe that ends child processes together with this process, even if it crashes: see `scripts/with-lifeline`.
package final class Lifeline: Sendable {
    /// Standard input of the child processes.
    package let readEnd: Int32
    private let writeEnd: Mutex<Int32?>

    package init() throws {
        var ends: [Int32] = [-1, -1]
        guard unsafe pipe(&ends) == 0 else { throw TestFailure("pipe: \(errno)") }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        readEnd = ends[0]
        writeEnd = Mutex(ends[1])
    }

    deinit {
        cut()
        close(readEnd)
    }

    /// Ends the child processes.
    package func cut() {
        writeEnd.withLock { end in
            if let end { close(end) }
            end = nil
        }
    }
}

/// A failure that keeps a test from being carried out.
package struct TestFailure: Error, CustomStringConvertible {
    package let description: String

    package init(_ description: String) { self.description = description }
}
