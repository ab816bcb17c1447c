import FastCGI
import Glibc
import TestSupport
import Testing

@Suite struct ListenerTests {
    private let directory: TemporaryDirectory
    private let path: String

    init() throws {
        directory = try TemporaryDirectory()
        path = directory.path + "/responder.sock"
    }

    private func status(of path: String) -> stat? {
        var status = stat()
        return unsafe lstat(path, &status) == 0 ? status : nil
    }

    @Test func socketAppearsWithItsMode() throws {
        let listener = try Listener.bind(path: path, mode: 0o660)
        defer { close(listener.descriptor) }
        #expect(status(of: path)?.st_mode == S_IFSOCK | 0o660)
        #expect(fcntl(listener.descriptor, F_GETFL) & O_NONBLOCK != 0)
        #expect(fcntl(listener.descriptor, F_GETFD) & FD_CLOEXEC != 0)
        _ = try FastCGIClient(path: path)
        listener.removeFile()
        #expect(status(of: path) == nil)
        // The temporary file is removed too, otherwise this would fail.
        #expect(unsafe rmdir(directory.path) == 0)
    }

    @Test func connectionsAreRefusedAndThoseThatWaitAccepted() throws {
        let listener = try Listener.bind(path: path)
        defer { close(listener.descriptor) }
        let waiting = try FastCGIClient(path: path)
        listener.refuseConnections()
        #expect(throws: FastCGIClient.Failure.system(call: "connect", code: ECONNREFUSED)) {
            try FastCGIClient(path: path)
        }
        let accepted = accept(listener.descriptor, nil, nil)
        #expect(accepted >= 0)
        close(accepted)
        #expect(waiting.isClosed())
        let next = try Listener.bind(path: path)
        close(next.descriptor)
    }

    @Test func liveSocketIsNotReplaced() throws {
        let listener = try Listener.bind(path: path)
        defer { close(listener.descriptor) }
        let inode = status(of: path)?.st_ino
        #expect(throws: FastCGIError.inUse(path: path)) { try Listener.bind(path: path) }
        #expect(status(of: path)?.st_ino == inode)
    }

    @Test func liveSocketWithAFullBacklogIsNotReplaced() throws {
        let listener = try Listener.bind(path: path, backlog: 0)
        defer { close(listener.descriptor) }
        let client = try FastCGIClient(path: path)
        #expect(throws: FastCGIError.inUse(path: path)) { try Listener.bind(path: path) }
        withExtendedLifetime(client) {}
    }

    @Test func staleSocketIsReplacedAndNotRemovedByItsFormerOwner() throws {
        let former = try Listener.bind(path: path)
        close(former.descriptor)
        let current = try Listener.bind(path: path)
        defer { close(current.descriptor) }
        former.removeFile()
        _ = try FastCGIClient(path: path)
    }

    @Test func theFileIsMissingWhenItIsRemovedOrReplaced() throws {
        let listener = try Listener.bind(path: path)
        defer { close(listener.descriptor) }
        #expect(listener.missingFile == nil)
        unsafe unlink(path)
        #expect(listener.missingFile == path)
        let other = try Listener.bind(path: path)
        defer { close(other.descriptor) }
        #expect(listener.missingFile == path && other.missingFile == nil)
    }

    @Test func otherFilesAreNotReplaced() throws {
        close(unsafe open(path, O_CREAT | O_WRONLY, 0o600))
        #expect(throws: FastCGIError.notASocket(path: path)) { try Listener.bind(path: path) }
        #expect(status(of: path) != nil)
    }

    @Test func pathHasAMaximumLength() {
        let path = "/tmp/" + String(repeating: "x", count: 103)
        #expect(throws: FastCGIError.pathTooLong(path: path, limit: 107)) { try Listener.bind(path: path) }
    }

    @Test func missingDirectoryIsAnError() {
        #expect(throws: FastCGIError.system(call: "open", code: ENOENT)) {
            try Listener.bind(path: directory.path + "/none/responder.sock")
        }
    }

    @Test func onlyListeningSocketsAreAdopted() throws {
        let listener = try Listener.bind(path: path)
        defer { close(listener.descriptor) }
        #expect(Listener(adopting: listener.descriptor) != nil)
        #expect(try Listener(adopting: FastCGIClient(path: path).descriptor) == nil)
        let file = unsafe open("/dev/null", O_RDONLY)
        defer { close(file) }
        #expect(Listener(adopting: file) == nil)
    }
}
