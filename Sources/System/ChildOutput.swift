import Glibc

/// The pipe that is a child's standard error, read line by line without waiting for more.
package final class ChildOutput {
    /// Readable when the child has written or closed it.
    package let descriptor: Int32
    /// The child's end, until `closeWriting`.
    package private(set) var writing: Int32
    /// Whether all descriptors of the child's end are closed.
    package private(set) var hasEnded = false
    private var line: [UInt8] = []

    /// The rest of a longer line is not kept, in bytes.
    private static let longestLine = 500
    /// How much one call reads, in bytes, so that a child that writes without end does not occupy the supervisor. It is
    /// the size of a pipe.
    private static let pieceLength = 64 << 10

    package init() throws(ProcessError) {
        var ends: [Int32] = [-1, -1]
        guard unsafe pipe(&ends) == 0 else { throw ProcessError("pipe") }
        (descriptor, writing) = (ends[0], ends[1])
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
    }

    deinit {
        closeWriting()
        close(descriptor)
    }

    /// Closes this process's copy of the child's end.
    package func closeWriting() {
        if writing >= 0 { close(writing) }
        writing = -1
    }

    /// The lines that have ended since the last call.
    package func lines() -> [String] {
        let bytes = read()
        var lines: [String] = []
        for byte in bytes {
            if byte == UInt8(ascii: "\n") {
                lines.append(takeLine())
            } else if line.count < Self.longestLine {
                line.append(byte)
            }
        }
        if hasEnded, !line.isEmpty { lines.append(takeLine()) }
        return lines.filter { !$0.isEmpty }
    }

    /// The last lines of a child that has exited, whether or not a child of its own still has the pipe.
    package func rest() -> [String] {
        let lines = lines()
        return line.isEmpty ? lines : lines + [takeLine()]
    }

    private func takeLine() -> String {
        defer { line = [] }
        return String(decoding: line, as: UTF8.self)
    }

    private func read() -> [UInt8] {
        unsafe [UInt8](unsafeUninitializedCapacity: Self.pieceLength) { buffer, count in
            let result = unsafe Glibc.read(descriptor, buffer.baseAddress, buffer.count)
            count = max(0, result)
            hasEnded = result == 0 || result < 0 && errno != EAGAIN && errno != EINTR
        }
    }
}
