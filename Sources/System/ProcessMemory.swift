package import Glibc

/// The memory of processes.
package enum ProcessMemory {
    /// Limits the writable memory of this process (RLIMIT_DATA, getrlimit(2)). An allocation beyond it ends the process
    /// instead of taking the memory of others. A lower limit that is already set stays.
    package static func limit(to bytes: Int) {
        var limit = rlimit()
        guard unsafe getrlimit(__rlimit_resource_t(RLIMIT_DATA.rawValue), &limit) == 0 else { return }
        limit.rlim_cur = min(limit.rlim_cur, rlim_t(bytes))
        unsafe setrlimit(__rlimit_resource_t(RLIMIT_DATA.rawValue), &limit)
    }

    /// The resident memory of a process, in bytes (proc_pid_statm(5)); nil if it has exited.
    package static func resident(of process: pid_t) -> Int? {
        guard let text = try? Files.read("/proc/\(process)/statm") else { return nil }
        let fields = text.split(separator: UInt8(ascii: " "))
        guard fields.count > 1, let pages = Int(String(decoding: fields[1], as: UTF8.self)) else { return nil }
        return pages * Int(sysconf(Int32(_SC_PAGESIZE)))
    }
}
