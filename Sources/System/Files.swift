import Glibc

/// Small files and streams, read and written as a whole.
package enum Files {
    /// The error for a file that must be private and is not.
    package static let notPrivate = ProcessError("fstat", code: EACCES)

    /// The file's bytes, at most `limit`. Throws when it cannot be read and, with `requiringPrivacy`, also `notPrivate`
    /// when users other than its owner may read or change it.
    package static func read(
        _ path: String, limit: Int = 1 << 20, requiringPrivacy: Bool = false
    ) throws(ProcessError) -> [UInt8] {
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw ProcessError("open") }
        defer { close(descriptor) }
        if requiringPrivacy {
            var status = stat()
            guard unsafe fstat(descriptor, &status) == 0 else { throw ProcessError("fstat") }
            guard status.st_mode & (S_IRGRP | S_IROTH | S_IWGRP | S_IWOTH) == 0 else { throw notPrivate }
        }
        return try read(descriptor, limit: limit)
    }

    /// The bytes up to the end, at most `limit`; the descriptor stays open.
    package static func read(_ descriptor: Int32, limit: Int) throws(ProcessError) -> [UInt8] {
        var bytes: [UInt8] = []
        while bytes.count <= limit {
            let chunk = try chunk(from: descriptor)
            if chunk.isEmpty { return bytes }
            bytes += chunk
        }
        throw ProcessError("read", code: EFBIG)
    }

    /// The next bytes; empty at the end.
    private static func chunk(from descriptor: Int32) throws(ProcessError) -> [UInt8] {
        while true {
            var code: Int32 = 0
            let chunk = unsafe [UInt8](unsafeUninitializedCapacity: 65_536) { buffer, count in
                let result = unsafe Glibc.read(descriptor, buffer.baseAddress, buffer.count)
                if result < 0 { code = errno }
                count = max(0, result)
            }
            if code == 0 { return chunk }
            guard code == EINTR else { throw ProcessError("read", code: code) }
        }
    }

    /// A descriptor that appends to the file. If the file does not exist, it is created, accessible to its owner alone.
    package static func openToAppend(_ path: String) throws(ProcessError) -> Int32 {
        let descriptor = unsafe open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw ProcessError("open") }
        return descriptor
    }

    /// Whether this process can reach a file of that path.
    package static func exists(_ path: String) -> Bool { unsafe access(path, F_OK) == 0 }

    /// Creates an empty file, accessible to its owner alone; has no effect if it exists.
    package static func create(_ path: String) throws(ProcessError) {
        close(try openToAppend(path))
    }

    /// Writes all bytes; false when the descriptor accepts no more.
    @discardableResult
    package static func write(_ bytes: [UInt8], to descriptor: Int32) -> Bool {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = unsafe rest.withUnsafeBytes { unsafe Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return false }
            rest = rest.dropFirst(count)
        }
        return true
    }
}
