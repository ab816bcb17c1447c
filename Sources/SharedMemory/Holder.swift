import Glibc
import System

/// A process, identified by its id and its start time, in clock ticks since boot: the kernel reuses ids.
///
/// As one word: 22 bits of id, all that Linux uses, and 42 of start time, which last 1,400 years at 100 ticks a second.
struct Holder: Hashable, Sendable {
    private static let idBits: UInt64 = 22

    let id: pid_t
    /// Zero if the process could not read it.
    let start: UInt64

    init(id: pid_t, start: UInt64) {
        self.id = id
        self.start = start
    }

    /// The process that has that id now.
    init(id: pid_t) {
        self.init(id: id, start: ProcessStatus(of: id)?.start ?? 0)
    }

    init(word: UInt64) {
        id = pid_t(word & (1 << Self.idBits - 1))
        start = word >> Self.idBits
    }

    /// Never zero, as no process has the id zero.
    var word: UInt64 { start << Self.idBits | UInt64(id) }

    /// True also if it is unknown.
    var isAlive: Bool {
        if kill(id, 0) != 0 && errno == ESRCH { return false }
        guard let status = ProcessStatus(of: id) else { return true }
        return !status.isDead && (start == 0 || status.start == start)
    }
}
