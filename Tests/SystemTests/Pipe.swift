import Glibc
import System

/// A pipe to a child, both ends close-on-exec, read with a deadline.
final class Pipe {
    private(set) var reading: Int32 = -1
    private(set) var writing: Int32 = -1

    init() {
        var ends: [Int32] = [-1, -1]
        _ = unsafe pipe(&ends)
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        (reading, writing) = (ends[0], ends[1])
    }

    deinit {
        closeWriting()
        close(reading)
    }

    func closeWriting() {
        if writing >= 0 { close(writing) }
        writing = -1
    }

    /// The text that is written until all writing ends are closed; closes that of this process.
    func text(within limit: Duration = .seconds(20)) -> String {
        closeWriting()
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 4096)
        let deadline = Monotonic.now + limit
        while !readable(among: [reading], until: deadline).isEmpty {
            let count = unsafe read(reading, &chunk, 4096)
            guard count > 0 else { break }
            bytes += chunk.prefix(count)
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
