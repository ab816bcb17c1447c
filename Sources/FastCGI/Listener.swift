import CFastCGI
import Glibc

/// A listening socket, inherited or bound here. The owner of one bound here removes its file with `removeFile()`.
package struct Listener: Sendable {
    package let descriptor: Int32
    /// Whether it listens on TCP.
    let isTCP: Bool
    private let file: File?

    /// Identifies the socket file, to distinguish it from one that another process puts there later.
    private struct File {
        let path: String
        let device: dev_t
        let inode: ino_t
    }

    /// Adopts an inherited descriptor, by FastCGI's convention 0; nil when it is not a listening socket (plain CGI).
    package init?(adopting descriptor: Int32) {
        var accepts: Int32 = 0
        var size = socklen_t(MemoryLayout<Int32>.size)
        guard unsafe getsockopt(descriptor, SOL_SOCKET, SO_ACCEPTCONN, &accepts, &size) == 0, accepts != 0
        else { return nil }
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        _ = fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK)
        var family: Int32 = 0
        unsafe getsockopt(descriptor, SOL_SOCKET, SO_DOMAIN, &family, &size)
        self.descriptor = descriptor
        isTCP = family != AF_UNIX
        self.file = nil
    }

    private init(descriptor: Int32, file: File) {
        self.descriptor = descriptor
        isTCP = false
        self.file = file
    }

    /// Binds a unix socket so that it appears at its path only when it is ready, with its final mode.
    ///
    /// A socket that still accepts connections is left alone (`.inUse`); a stale one is replaced. A lock on the
    /// directory prevents two processes that start at the same time from taking each other's socket for stale.
    package static func bind(
        path: String, mode: UInt32 = 0o660, backlog: Int32 = 4_096
    ) throws(FastCGIError) -> Listener {
        let directory = path.lastIndex(of: "/").map { String(path[...$0]) } ?? "./"
        let temporary = "\(directory).\(getpid())"
        let target = try UnixAddress(path)
        let staging = try UnixAddress(temporary, insteadOf: path)

        let lock = try lockDirectory(directory)
        defer { close(lock) }
        try checkFree(target)

        unsafe unlink(temporary)
        let descriptor = try makeSocket()
        var isBound = false
        defer { if !isBound { close(descriptor) } }
        guard unsafe staging.withPointer({ unsafe Glibc.bind(descriptor, $0, $1) }) == 0 else { throw failure("bind") }
        defer { if !isBound { unsafe unlink(temporary) } }
        guard unsafe chmod(temporary, mode) == 0 else { throw failure("chmod") }
        guard listen(descriptor, backlog) == 0 else { throw failure("listen") }
        guard let file = file(temporary, named: path) else { throw failure("lstat") }
        guard unsafe rename(temporary, path) == 0 else { throw failure("rename") }
        isBound = true
        return Listener(descriptor: descriptor, file: file)
    }

    /// Removes the socket file, unless another file has replaced it.
    package func removeFile() {
        guard let file, missingFile == nil else { return }
        unsafe unlink(file.path)
    }

    /// The path of its file, if the file was removed or replaced, so that no client can connect; nil also for a socket
    /// on TCP or one that was inherited.
    package var missingFile: String? {
        guard let file else { return nil }
        let present = Listener.file(file.path, named: file.path)
        return present?.inode == file.inode && present?.device == file.device ? nil : file.path
    }

    /// Locks the directory until the caller closes the returned descriptor. Throws if that takes a second: others that
    /// bind a socket there take less, and a process that only wants to block this one must not succeed.
    private static func lockDirectory(_ path: String) throws(FastCGIError) -> Int32 {
        let descriptor = unsafe open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw failure("open") }
        for _ in 0..<50 {
            if flock(descriptor, LOCK_EX | LOCK_NB) == 0 { return descriptor }
            guard errno == EWOULDBLOCK else { break }
            usleep(20_000)
        }
        let error = failure("flock")
        close(descriptor)
        throw error
    }

    /// Throws unless the path is free or holds a stale socket.
    private static func checkFree(_ address: UnixAddress) throws(FastCGIError) {
        var status = stat()
        guard unsafe lstat(address.path, &status) == 0 else {
            if errno == ENOENT { return }
            throw failure("lstat")
        }
        guard status.st_mode & S_IFMT == S_IFSOCK else { throw .notASocket(path: address.path) }
        let probe = try makeSocket()
        defer { close(probe) }
        // A socket with a full backlog returns EAGAIN; only one without a listener returns ECONNREFUSED.
        let isStale = unsafe address.withPointer { unsafe connect(probe, $0, $1) } != 0 && errno == ECONNREFUSED
        if !isStale { throw .inUse(path: address.path) }
    }

    private static func makeSocket() throws(FastCGIError) -> Int32 {
        let type = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
        let descriptor = socket(AF_UNIX, type, 0)
        guard descriptor >= 0 else { throw failure("socket") }
        return descriptor
    }

    private static func file(_ location: String, named path: String) -> File? {
        var status = stat()
        guard unsafe lstat(location, &status) == 0 else { return nil }
        return File(path: path, device: status.st_dev, inode: status.st_ino)
    }

    private static func failure(_ call: String) -> FastCGIError {
        .system(call: call, code: errno)
    }
}
