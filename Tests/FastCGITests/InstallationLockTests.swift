import FastCGI
import Glibc
import Testing

@Suite struct InstallationLockTests {
    private let directory: Directory
    private let socket: String

    init() throws {
        directory = try Directory()
        socket = directory.path + "/a=b~.sock"
    }

    /// Has a folder `state` for the locks, which are removed by their owners.
    private final class Directory {
        let path: String

        init() throws {
            var template = Array("/tmp/lock-XXXXXX".utf8CString)
            try #require(unsafe mkdtemp(&template) != nil)
            path = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
        }

        deinit {
            unsafe rmdir(path + "/state")
            unsafe rmdir(path)
        }
    }

    private func acquire(_ socket: String? = nil) throws -> InstallationLock {
        try InstallationLock(socket: socket ?? self.socket, inFolder: directory.path + "/state")
    }

    @Test func oneProcessHoldsItWhateverItsFileSays() throws {
        let lock = try acquire()
        #expect(throws: InstallationLock.Failure.held(by: getpid())) { try acquire() }
        #expect(throws: InstallationLock.Failure.held(by: getpid())) {
            try acquire("\(directory.path)/../\(directory.path.split(separator: "/").last ?? "")/a=b~.sock")
        }
        #expect(unsafe truncate(lock.path, 0) == 0)
        #expect(throws: InstallationLock.Failure.held(by: nil)) { try acquire() }
        #expect(lock.renew())
    }

    @Test func socketsOfOtherPathsHaveLocksOfTheirOwn() throws {
        let locks = try ["a=b~.sock", "a~eb~.sock", "a=b~t.sock"].map { try acquire("\(directory.path)/\($0)") }
        #expect(Set(locks.map(\.path)).count == 3)
        withExtendedLifetime(locks) {}
    }

    @Test func itsEndReleasesItAndRemovesTheFile() throws {
        var lock: InstallationLock? = try acquire()
        let path = try #require(lock?.path)
        lock = nil
        #expect(unsafe access(path, F_OK) != 0)
        lock = try acquire()
        #expect(lock?.renew() == true)
    }

    @Test func aRemovedFileIsReplaced() throws {
        let lock = try acquire()
        unsafe unlink(lock.path)
        #expect(lock.renew())
        #expect(throws: InstallationLock.Failure.held(by: getpid())) { try acquire() }
        unsafe unlink(lock.path)
        let other = try acquire()
        #expect(!lock.renew())
        #expect(other.renew())
    }

    @Test func aFolderThatCannotBeCreatedIsNamed() {
        #expect(throws: InstallationLock.Failure.self) {
            try InstallationLock(socket: socket, inFolder: "/proc/none")
        }
    }
}
