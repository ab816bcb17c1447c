package import Glibc

/// The fields of a process in `/proc/PID/stat` (proc_pid_stat(5)), also of one that has ended and is not reaped.
package struct ProcessStatus {
    /// Without the first two.
    private let fields: [ArraySlice<UInt8>]

    /// Nil if it cannot be read.
    package init?(of process: pid_t) {
        guard let text = try? Files.read("/proc/\(process)/stat"),
            // The second field is the program's name in parentheses, and may contain anything, even parentheses.
            let end = text.lastIndex(of: UInt8(ascii: ")"))
        else { return nil }
        fields = text[(end + 1)...].split(separator: UInt8(ascii: " "))
        guard fields.count > 21 else { return nil }
    }

    /// The field with that number in the manual, 4 to 24; zero if it is no natural number.
    func number(_ field: Int) -> UInt64 { UInt64(String(decoding: fields[field - 3], as: UTF8.self)) ?? 0 }

    /// Whether the process has ended, and exists only until its parent reaps it.
    package var isDead: Bool { fields[0].first == UInt8(ascii: "Z") || fields[0].first == UInt8(ascii: "X") }

    /// When it began, in clock ticks since boot.
    package var start: UInt64 { number(22) }
}
