package import Glibc

/// The processes of this machine, or of this container (proc(5)).
package enum ProcessTable {
    package static var ids: [pid_t] { names(in: "/proc").compactMap { pid_t($0) } }

    /// What the open descriptors of a process are, by their numbers: a path, or a text such as `socket:[123]`. Empty if
    /// the process has exited, or belongs to another user.
    package static func descriptors(of process: pid_t) -> [Int32: String] {
        let folder = "/proc/\(process)/fd"
        var descriptors: [Int32: String] = [:]
        for number in names(in: folder).compactMap({ Int32($0) }) {
            descriptors[number] = target(of: "\(folder)/\(number)")
        }
        return descriptors
    }

    /// The processes that a process has started, or adopted, and that are not reaped (proc_pid_task(5), `children`).
    package static func children(of process: pid_t) -> [pid_t] {
        let folder = "/proc/\(process)/task"
        return names(in: folder).flatMap { thread -> [pid_t] in
            guard let text = try? Files.read("\(folder)/\(thread)/children") else { return [] }
            return text.split(separator: UInt8(ascii: " ")).compactMap { pid_t(String(decoding: $0, as: UTF8.self)) }
        }
    }

    /// How many threads the processes of a user have, which is what RLIMIT_NPROC counts.
    package static func threadCount(of user: uid_t) -> Int {
        ids.reduce(0) { count, id in
            guard let text = try? Files.read("/proc/\(id)/status") else { return count }
            let fields = text.split(separator: UInt8(ascii: "\n")).map { line in
                line.split { $0 == UInt8(ascii: "\t") || $0 == UInt8(ascii: " ") }.map {
                    String(decoding: $0, as: UTF8.self)
                }
            }
            guard fields.first(where: { $0.first == "Uid:" })?.dropFirst().first == "\(user)" else { return count }
            return count + (fields.first { $0.first == "Threads:" }?.last.flatMap { Int($0) } ?? 1)
        }
    }

    private static func names(in folder: String) -> [String] {
        guard let directory = unsafe opendir(folder) else { return [] }
        defer { unsafe closedir(directory) }
        var names: [String] = []
        while let entry = unsafe readdir(directory) {
            names.append(
                unsafe withUnsafeBytes(of: entry.pointee.d_name) {
                    unsafe String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
                })
        }
        return names
    }

    /// The target of a symbolic link; nil if it cannot be read.
    private static func target(of link: String) -> String? {
        var bytes = [CChar](repeating: 0, count: Int(PATH_MAX))
        let length = unsafe readlink(link, &bytes, bytes.count)
        guard length >= 0 else { return nil }
        return String(decoding: bytes.prefix(length).map(UInt8.init(bitPattern:)), as: UTF8.self)
    }
}
