import Glibc
package import System

/// The lock that a supervisor holds for its life, so that no second one serves the same socket, whether or not the
/// socket's file exists. The kernel releases it when the process ends, however that happens (flock(2)).
///
/// It is a file in a folder, named after the absolute path of the socket. The file has the process id of its holder,
/// for the message of a supervisor that is refused.
package final class InstallationLock {
    /// Why the lock was not acquired.
    package enum Failure: Error, Equatable {
        /// A process has it; its id, if that can be read.
        case held(by: Int32?)
        case system(ProcessError)
    }

    package let path: String
    private var descriptor: Int32

    /// Creates the folder if it does not exist, with access for its owner alone.
    package init(socket: String, inFolder folder: String) throws(Failure) {
        if unsafe mkdir(folder, 0o700) != 0, errno != EEXIST { throw .system(ProcessError("mkdir")) }
        path = "\(folder)/\(Self.name(of: socket))"
        descriptor = try Self.acquire(path)
    }

    /// Removes the file. One that a process leaves behind, because it was killed, does no harm.
    deinit {
        if isInPlace { unsafe unlink(path) }
        close(descriptor)
    }

    /// Acquires the lock again if its file was removed. False if another process has it now.
    package func renew() -> Bool {
        guard !isInPlace else { return true }
        do throws(Failure) {
            let new = try Self.acquire(path)
            close(descriptor)
            descriptor = new
            return true
        } catch {
            // Without the folder, no other process can have acquired it.
            if case .held = error { return false }
            return true
        }
    }

    /// Whether the file at the path is the one that this process has locked.
    private var isInPlace: Bool { Self.isFile(descriptor, at: path) }

    private static func acquire(_ path: String) throws(Failure) -> Int32 {
        while true {
            let descriptor = unsafe open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0o600)
            guard descriptor >= 0 else { throw .system(ProcessError("open")) }
            guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
                let failure = errno == EWOULDBLOCK ? Failure.held(by: holder(in: descriptor)) : .system(.init("flock"))
                close(descriptor)
                throw failure
            }
            // Otherwise its last holder has removed it since it was opened.
            if isFile(descriptor, at: path) {
                ftruncate(descriptor, 0)
                Files.write(Array("\(getpid())\n".utf8), to: descriptor)
                return descriptor
            }
            close(descriptor)
        }
    }

    private static func holder(in descriptor: Int32) -> pid_t? {
        let text = (try? Files.read(descriptor, limit: 64)).map { String(decoding: $0, as: UTF8.self) }
        return text?.split(separator: "\n").first.flatMap { pid_t($0) }
    }

    private static func isFile(_ descriptor: Int32, at path: String) -> Bool {
        var (own, present) = (stat(), stat())
        return unsafe fstat(descriptor, &own) == 0 && lstat(path, &present) == 0
            && own.st_ino == present.st_ino && own.st_dev == present.st_dev
    }

    /// The path as one name, with `=` for each slash, which `~` keeps apart from those in names.
    static func name(of socket: String) -> String {
        let (folder, file) =
            socket.lastIndex(of: "/").map { (String(socket[...$0]), socket[$0...].dropFirst()) }
            ?? (".", socket[...])
        let resolved = unsafe realpath(folder, nil)
        defer { unsafe free(resolved) }
        let absolute = unsafe resolved.map { unsafe String(cString: $0) + (unsafe $0[1] == 0 ? "" : "/") } ?? folder
        return (absolute + file).map { character in
            switch character {
            case "/": "="
            case "=": "~e"
            case "~": "~t"
            default: String(character)
            }
        }.joined() + ".lock"
    }
}
