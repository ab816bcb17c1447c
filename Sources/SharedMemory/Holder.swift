import Glibc

/// A process, told from every other one that had or will have its number: by its start, in clock ticks since boot.
///
/// As one word it is 22 bits of number, all that Linux uses, and 42 of start, 1,400 years at 100 ticks a second.
struct Holder: Hashable, Sendable {
    private static let idBits: UInt64 = 22

    let id: pid_t
    /// Zero when the process could not find out.
    let start: UInt64

    init(id: pid_t, start: UInt64) {
        self.id = id
        self.start = start
    }

    /// The process that has that number now.
    init(id: pid_t) {
        self.init(id: id, start: ProcessStatus(of: id)?.start ?? 0)
    }

    init(word: UInt64) {
        id = pid_t(word & (1 << Self.idBits - 1))
        start = word >> Self.idBits
    }

    /// Never zero, as no process's number is.
    var word: UInt64 { start << Self.idBits | UInt64(id) }

    /// True also when it cannot be told.
    var isAlive: Bool {
        if kill(id, 0) != 0 && errno == ESRCH { return false }
        guard let status = ProcessStatus(of: id) else { return true }
        return !status.isDead && (start == 0 || status.start == start)
    }
}

/// What `/proc/[pid]/stat` says (proc(5)).
private struct ProcessStatus {
    /// Killed, and only kept for its parent to notice.
    let isDead: Bool
    let start: UInt64

    /// Nil when it cannot be read.
    init?(of id: pid_t) {
        let descriptor = unsafe open("/proc/\(id)/stat", O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        let bytes = unsafe [UInt8](unsafeUninitializedCapacity: 1024) { buffer, count in
            count = max(0, unsafe read(descriptor, buffer.baseAddress, buffer.count))
        }
        // The second field is the program's name in parentheses, and may hold anything, parentheses too.
        guard let end = bytes.lastIndex(of: UInt8(ascii: ")")) else { return nil }
        let fields = bytes[(end + 1)...].split(separator: UInt8(ascii: " "))
        guard fields.count > 19, let state = fields[0].first,
            let start = UInt64(String(decoding: fields[19], as: UTF8.self))
        else { return nil }
        isDead = state == UInt8(ascii: "Z") || state == UInt8(ascii: "X")
        self.start = start
    }
}
