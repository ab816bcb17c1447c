package import Glibc

/// What the kernel tells of a process (proc_pid_stat(5)), also of one that has ended and is not reaped.
package struct ProcessFigures: Sendable {
    /// In seconds.
    package let processorTime: Double
    /// Of its children that were reaped, and of theirs, in seconds.
    package let processorTimeOfReaped: Double
    /// In bytes.
    package let residentMemory: Int

    /// Nil if there is no such process.
    package init?(of process: pid_t) {
        guard let status = ProcessStatus(of: process) else { return nil }
        let ticks = Double(sysconf(Int32(_SC_CLK_TCK)))
        processorTime = Double(status.number(14) + status.number(15)) / ticks
        processorTimeOfReaped = Double(status.number(16) + status.number(17)) / ticks
        residentMemory = Int(clamping: status.number(24)) * Int(sysconf(Int32(_SC_PAGESIZE)))
    }

    /// The children of a process, also those that have ended and are not reaped.
    package static func children(of process: pid_t) -> [pid_t] {
        guard let text = try? Files.read("/proc/\(process)/task/\(process)/children") else { return [] }
        return text.split(separator: UInt8(ascii: " ")).compactMap { pid_t(String(decoding: $0, as: UTF8.self)) }
    }

    /// How many descriptors a process has open; nil if it has ended, or belongs to another user.
    package static func openDescriptors(of process: pid_t) -> Int? {
        guard let folder = unsafe opendir("/proc/\(process)/fd") else { return nil }
        defer { unsafe closedir(folder) }
        var count = 0
        while unsafe readdir(folder) != nil { count += 1 }
        // Without `.` and `..`.
        return max(0, count - 2)
    }

    /// How many descriptors this process may have open.
    package static var maximumDescriptors: Int {
        var limit = rlimit()
        guard unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return 0 }
        return Int(clamping: limit.rlim_cur)
    }
}

/// What a process and its children use together.
package struct FamilyFigures: Sendable {
    /// Also that of children that were reaped, in seconds.
    package let processorTime: Double
    /// In bytes.
    package let residentMemory: Int
    /// Of the process that has most open descriptors.
    package let largestOpenDescriptors: Int

    /// Nil if there is no such process.
    package init?(of parent: pid_t) {
        // Read before its children: a child that is reaped in between is missing, but not counted twice.
        guard let figures = ProcessFigures(of: parent) else { return nil }
        let family = [parent] + ProcessFigures.children(of: parent)
        let all = [figures] + family.dropFirst().compactMap { ProcessFigures(of: $0) }
        processorTime = all.reduce(figures.processorTimeOfReaped) { $0 + $1.processorTime }
        residentMemory = all.reduce(0) { $0 + $1.residentMemory }
        largestOpenDescriptors = family.compactMap { ProcessFigures.openDescriptors(of: $0) }.max() ?? 0
    }
}
