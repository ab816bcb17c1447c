import Glibc
import System

/// The memory of processes that no supervisor has started (CGI, mod_fcgid, spawn-fcgi): a file, which each of them
/// maps.
extension SharedMemory {
    /// Opens the memory in the folder; creates it, and the folder, if they do not exist.
    ///
    /// Each version of the program has a file of its own, and so has each start of the machine, because the times in it
    /// are of a clock that starts with the machine, and each process id namespace (pid_namespaces(7)), because the ids
    /// in it mean other processes in another container.
    ///
    /// Throws if the file or the folder belongs to another user, or other users may change it.
    package convenience init(inFolder folder: String) throws(SharedMemoryError) {
        if unsafe mkdir(folder, 0o700) != 0, errno != EEXIST { throw .system(call: "mkdir", code: errno) }
        try Self.requirePrivacy(ofFolder: folder)
        let name = try Self.fileName
        let path = "\(folder)/\(name.text)"
        if let descriptor = try Self.openFile(path) {
            try self.init(mappingFile: descriptor)
            return
        }
        try Self.createFile(path)
        name.removeFormerFiles(inFolder: folder)
        guard let descriptor = try Self.openFile(path) else { throw .system(call: "open", code: ENOENT) }
        try self.init(mappingFile: descriptor)
    }

    /// The path of the memory in the folder, whether or not it exists.
    package static func path(inFolder folder: String) throws(SharedMemoryError) -> String {
        "\(folder)/\(try fileName.text)"
    }

    /// Opens the memory of that path to read it only. Throws if it does not exist, or has another size.
    package convenience init(readingFile path: String) throws(SharedMemoryError) {
        let descriptor = unsafe open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)
        guard descriptor >= 0 else { throw .system(call: "open", code: errno) }
        do throws(SharedMemoryError) {
            var status = stat()
            guard unsafe fstat(descriptor, &status) == 0 else { throw .system(call: "fstat", code: errno) }
            try Self.checkFile(descriptor, status)
            try self.init(mapping: descriptor, protection: PROT_READ)
        } catch {
            close(descriptor)
            throw error
        }
    }

    /// Throws unless it has the size and the version of this program.
    private static func checkFile(_ descriptor: Int32, _ status: stat) throws(SharedMemoryError) {
        guard status.st_mode & S_IFMT == S_IFREG, status.st_size == Layout.bytes,
            try version(in: descriptor) == Layout.version
        else { throw .incompatible }
    }

    private static var fileName: MemoryFileName {
        get throws(SharedMemoryError) {
            MemoryFileName(boot: try bootID, namespace: try processNamespace)
        }
    }

    /// Closes the descriptor if it throws.
    private convenience init(mappingFile descriptor: Int32) throws(SharedMemoryError) {
        do throws(SharedMemoryError) {
            try self.init(mapping: descriptor)
        } catch {
            close(descriptor)
            throw error
        }
    }

    /// A descriptor of the file, which is checked; nil if there is none. A symbolic link is not followed.
    private static func openFile(_ path: String) throws(SharedMemoryError) -> Int32? {
        let descriptor = unsafe open(path, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)
        guard descriptor >= 0 else {
            if errno == ENOENT { return nil }
            throw .system(call: "open", code: errno)
        }
        do throws(SharedMemoryError) {
            var status = stat()
            guard unsafe fstat(descriptor, &status) == 0 else { throw .system(call: "fstat", code: errno) }
            guard status.st_uid == geteuid(), status.st_mode == S_IFREG | 0o600 else { throw .notPrivate }
            try checkFile(descriptor, status)
            // As long as this process has the file open, those of other containers do not remove it.
            flock(descriptor, LOCK_SH | LOCK_NB)
            futimens(descriptor, nil)
            return descriptor
        } catch {
            close(descriptor)
            throw error
        }
    }

    /// Creates the file at once with its size and version; has no effect if another process has done so.
    private static func createFile(_ path: String) throws(SharedMemoryError) {
        let temporary = "\(path).\(UInt64.random(in: 0...UInt64.max))"
        let descriptor = unsafe open(temporary, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw .system(call: "open", code: errno) }
        defer {
            unsafe unlink(temporary)
            close(descriptor)
        }
        // The umask may have removed a permission.
        guard fchmod(descriptor, 0o600) == 0 else { throw .system(call: "fchmod", code: errno) }
        // Reserved now: if no room were left for a page on its first access, that would be a SIGBUS.
        let code = posix_fallocate(descriptor, 0, Layout.bytes)
        guard code == 0 else { throw .system(call: "posix_fallocate", code: code) }
        var version = Layout.version
        guard unsafe pwrite(descriptor, &version, MemoryLayout<UInt64>.size, 0) == MemoryLayout<UInt64>.size else {
            throw .system(call: "pwrite", code: errno)
        }
        if unsafe link(temporary, path) != 0, errno != EEXIST { throw .system(call: "link", code: errno) }
    }

    private static func requirePrivacy(ofFolder folder: String) throws(SharedMemoryError) {
        var status = stat()
        guard unsafe stat(folder, &status) == 0 else { throw .system(call: "stat", code: errno) }
        let isShared = status.st_mode & (S_IWGRP | S_IWOTH) != 0 && status.st_mode & S_ISVTX == 0
        guard [0, geteuid()].contains(status.st_uid), !isShared else { throw .notPrivate }
    }

    /// A random number of this start of the machine (random(4)).
    private static var bootID: String {
        get throws(SharedMemoryError) {
            guard let bytes = try? Files.read("/proc/sys/kernel/random/boot_id") else {
                throw .system(call: "open", code: errno)
            }
            return String(decoding: bytes.filter(Hexadecimal.isDigit), as: UTF8.self)
        }
    }

    /// The number of the process id namespace of this process.
    private static var processNamespace: String {
        get throws(SharedMemoryError) {
            var status = stat()
            guard unsafe stat("/proc/self/ns/pid", &status) == 0 else { throw .system(call: "stat", code: errno) }
            return String(status.st_ino)
        }
    }
}

/// `memory-VERSION-BOOT-NAMESPACE`.
struct MemoryFileName {
    private static let prefix = "memory-"
    /// In seconds.
    private static let minimumAge = 86_400

    let text: String
    private let suffix: String

    init(boot: String, namespace: String, version: UInt64 = SharedMemory.Layout.version) {
        suffix = "-" + boot + "-" + namespace
        text = Self.prefix + String(version, radix: 16) + suffix
    }

    /// Removes the files of former starts of the machine and of containers that have ended: those that no process has
    /// opened for a day, and none has open. On a network drive they may be those of another machine.
    func removeFormerFiles(inFolder folder: String) {
        guard let directory = unsafe opendir(folder) else { return }
        defer { unsafe closedir(directory) }
        while let entry = unsafe readdir(directory) {
            let name = unsafe withUnsafeBytes(of: entry.pointee.d_name) {
                unsafe String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            guard name.hasPrefix(Self.prefix), !name.contains(suffix) else { continue }
            let path = "\(folder)/\(name)"
            if Self.isUnused(path) { unsafe unlink(path) }
        }
    }

    private static func isUnused(_ path: String) -> Bool {
        let descriptor = unsafe open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        var status = stat()
        return unsafe fstat(descriptor, &status) == 0 && time(nil) - status.st_mtim.tv_sec > minimumAge
            && flock(descriptor, LOCK_EX | LOCK_NB) == 0
    }
}
