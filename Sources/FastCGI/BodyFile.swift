import Glibc
import HTTP

/// A temporary file without a name that receives a request's body. The kernel removes it when its last descriptor is
/// closed, also when the process is killed.
struct BodyFile: ~Copyable {
    private let descriptor: Int32
    private var length = 0
    /// False from the first write that failed: the disk is full, or the limit of the file system is reached.
    private(set) var isWhole = true

    /// Nil when the folder takes no file.
    init?(in folder: String) {
        descriptor = unsafe open(folder, O_RDWR | __O_TMPFILE | O_CLOEXEC, 0o600)
        if descriptor < 0 { return nil }
    }

    deinit {
        close(descriptor)
    }

    mutating func append(_ bytes: UnsafeRawBufferPointer) {
        var written = 0
        while isWhole, written < bytes.count {
            let count = unsafe write(descriptor, bytes.baseAddress.map { unsafe $0 + written }, bytes.count - written)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else {
                isWhole = false
                return
            }
            written += count
        }
        length += written
    }

    /// The file, from its beginning; nil when no descriptor is free for it.
    func opened() -> OpenFile? {
        let own = fcntl(descriptor, F_DUPFD_CLOEXEC, 0)
        guard own >= 0, lseek(own, 0, SEEK_SET) == 0 else {
            if own >= 0 { close(own) }
            return nil
        }
        return OpenFile(own, length: length) { close($0) }
    }
}
