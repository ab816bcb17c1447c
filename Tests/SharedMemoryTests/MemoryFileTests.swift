import Glibc
import Synchronization
import System
import Testing

@testable import SharedMemory

/// The memory of processes without a supervisor.
@Suite final class MemoryFileTests {
    private let folder: String

    init() throws {
        var template = Array("/tmp/memory.XXXXXX".utf8CString)
        guard unsafe mkdtemp(&template) != nil else { throw SharedMemoryError.system(call: "mkdtemp", code: errno) }
        folder = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    deinit {
        for name in files { unsafe unlink("\(folder)/\(name)") }
        unsafe rmdir(folder)
    }

    /// The names of the files in the folder.
    private var files: [String] {
        guard let directory = unsafe opendir(folder) else { return [] }
        defer { unsafe closedir(directory) }
        var names: [String] = []
        while let entry = unsafe readdir(directory) {
            let name = unsafe withUnsafeBytes(of: entry.pointee.d_name) {
                unsafe String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            if ![".", ".."].contains(name) { names.append(name) }
        }
        return names.sorted()
    }

    private func path() throws -> String { "\(folder)/\(try #require(files.first))" }

    private func error(_ folder: String? = nil) -> SharedMemoryError? {
        do throws(SharedMemoryError) {
            _ = try SharedMemory(inFolder: folder ?? self.folder)
            return nil
        } catch {
            return error
        }
    }

    @Test func twoMappingsShareTheirContents() throws {
        let (one, other) = (try SharedMemory(inFolder: folder), try SharedMemory(inFolder: folder))
        FailureTable(in: one).countFailure(of: 7, at: 100)
        #expect(FailureTable(in: other).failures(of: 7) == Failures(count: 1, last: 100))
        let slots = (Slots(in: one, limit: 1), Slots(in: other, limit: 1))
        let slot = try #require(slots.0.tryAcquire())
        #expect(slots.1.tryAcquire() == nil)
        slots.0.release(slot)
        #expect(TokenBuckets(in: one).take(from: 7, limit: 1, at: 1_000).isAdmitted)
        #expect(!TokenBuckets(in: other).take(from: 7, limit: 1, at: 1_000).isAdmitted)
        for memory in [one, other] { #expect(fcntl(memory.descriptor, F_GETFD) == FD_CLOEXEC) }
    }

    @Test func contentsOutliveTheProcesses() throws {
        do { FailureTable(in: try SharedMemory(inFolder: folder)).countFailure(of: 7, at: 100) }
        #expect(FailureTable(in: try SharedMemory(inFolder: folder)).failures(of: 7).count == 1)
    }

    /// The umask is that of the whole process, so another process creates the file.
    @Test(arguments: [0, 0o022, 0o777] as [mode_t]) func theOwnerAloneHasAccessWithAnyUmask(mask: mode_t) throws {
        // Declared only for _GNU_SOURCE, which the Glibc module is built without.
        typealias Unshare = @convention(c) (Int32) -> Int32
        guard let symbol = unsafe dlsym(nil, "unshare") else { throw SharedMemoryError.system(call: "dlsym", code: 0) }
        let unshare = unsafe unsafeBitCast(symbol, to: Unshare.self)
        let isCreated = Mutex(false)
        let thread = try NativeThread { [folder] in
            // With CLONE_FS (unshare(2)), the thread gets a umask of its own: other tests create files at this moment.
            guard unshare(0x200) == 0 else { return }
            umask(mask)
            isCreated.withLock { $0 = (try? SharedMemory(inFolder: folder)) != nil }
        }
        thread.join()
        #expect(isCreated.withLock { $0 })
        var status = stat()
        #expect(unsafe stat(try path(), &status) == 0)
        #expect(status.st_mode == S_IFREG | 0o600)
        #expect(status.st_size == SharedMemory.Layout.bytes)
        #expect(status.st_nlink == 1)
        #expect(files.count == 1, "no temporary file is left")
    }

    @Test func theFolderIsCreated() throws {
        let inner = folder + "/inner"
        #expect(error(inner) == nil)
        var status = stat()
        #expect(unsafe stat(inner, &status) == 0)
        #expect(status.st_mode == S_IFDIR | 0o700)
        run("rm -rf \(inner)")
        #expect(error("/proc/none") == .system(call: "mkdir", code: ENOENT))
    }

    @Test func aFileThatOtherUsersMayReadIsRefused() throws {
        _ = try SharedMemory(inFolder: folder)
        #expect(unsafe chmod(try path(), 0o640) == 0)
        #expect(error() == .notPrivate)
    }

    @Test(.enabled(if: geteuid() == 0)) func aFileOfAnotherUserIsRefused() throws {
        _ = try SharedMemory(inFolder: folder)
        #expect(unsafe chown(try path(), 1, 1) == 0)
        #expect(error() == .notPrivate)
    }

    @Test func aLinkIsNotFollowed() throws {
        _ = try SharedMemory(inFolder: folder)
        let (path, other) = (try path(), folder + "/other")
        #expect(unsafe rename(path, other) == 0)
        #expect(unsafe symlink(other, path) == 0)
        #expect(error() == .system(call: "open", code: ELOOP))
    }

    @Test func aFileOfAnotherSizeOrVersionIsRefused() throws {
        let memory = try SharedMemory(inFolder: folder)
        let version = SharedMemory.Layout.version
        #expect(memory.replace(version, by: version + 1, at: 0))
        #expect(error() == .incompatible)
        #expect(memory.replace(version + 1, by: version, at: 0))
        #expect(error() == nil)
        #expect(unsafe truncate(try path(), SharedMemory.Layout.bytes + 1) == 0)
        #expect(error() == .incompatible)
    }

    @Test func aFolderThatOtherUsersMayChangeIsRefused() {
        #expect(unsafe chmod(folder, 0o777) == 0)
        #expect(error() == .notPrivate)
        #expect(unsafe chmod(folder, 0o1777) == 0)
        #expect(error() == nil, "as in /tmp, only the owner of a file may remove it")
    }

    /// Each version, each start of the machine and each process id namespace has a file of its own.
    @Test func filesOfFormerStartsAndContainersAreRemoved() throws {
        let version = SharedMemory.Layout.version
        let names = [
            MemoryFileName(boot: "aa", namespace: "1"), MemoryFileName(boot: "bb", namespace: "1"),
            MemoryFileName(boot: "bb", namespace: "2"),
            MemoryFileName(boot: "bb", namespace: "1", version: version + 1),
        ].map(\.text)
        #expect(Set(names).count == 4)
        let kept = ["memory", "other-aa"]
        for name in names + kept { run("touch -d '2 days ago' \(folder)/\(name)") }
        run("touch \(folder)/memory-1-cc-1")
        MemoryFileName(boot: "bb", namespace: "1").removeFormerFiles(inFolder: folder)
        #expect(files == ([names[1], names[3], "memory-1-cc-1"] + kept).sorted(), "a new file may be in use")
    }

    /// A process may serve for days, and does not change the file's time.
    @Test func aFileThatAProcessHasOpenIsKept() throws {
        do {
            let memory = try SharedMemory(inFolder: folder)
            run("touch -d '2 days ago' \(try path())")
            MemoryFileName(boot: "bb", namespace: "1").removeFormerFiles(inFolder: folder)
            #expect(files.count == 1)
            withExtendedLifetime(memory) {}
        }
        // A child that another test is just starting has the file open until it executes its program.
        let deadline = Monotonic.now + .seconds(20)
        while !files.isEmpty, deadline > .now {
            MemoryFileName(boot: "bb", namespace: "1").removeFormerFiles(inFolder: folder)
        }
        #expect(files.isEmpty)
    }

    @Test func openingAFileMakesItYoung() throws {
        _ = try SharedMemory(inFolder: folder)
        run("touch -d '2 days ago' \(try path())")
        _ = try SharedMemory(inFolder: folder)
        MemoryFileName(boot: "bb", namespace: "1").removeFormerFiles(inFolder: folder)
        #expect(files.count == 1)
    }

    @Test func concurrentCreatorsGetOneFile() throws {
        let (folder, failures) = (folder, Tally())
        for _ in 0..<20 {
            onThreads(8) { _ in
                do {
                    FailureTable(in: try SharedMemory(inFolder: folder)).countFailure(of: 7, at: 100)
                } catch {
                    failures.add()
                }
            }
            #expect(FailureTable(in: try SharedMemory(inFolder: folder)).failures(of: 7).count == 8)
            #expect(files.count == 1)
            unsafe unlink(try path())
        }
        #expect(failures.count == 0)
    }

    private func run(_ command: String) { #expect(unsafe system(command) == 0) }
}
