import Glibc
import System

/// A folder for one test. It is removed with its files when the last reference to it is released.
final class TemporaryFolder {
    let path: String
    private var files: Set<String> = []

    struct Failure: Error {
        let code: Int32
    }

    init() throws {
        path = "/tmp/flow-manager-test-\(UInt64.random(in: 0...UInt64.max))"
        guard unsafe mkdir(path, 0o700) == 0 else { throw Failure(code: errno) }
    }

    deinit {
        for file in files { _ = unsafe unlink(file) }
        _ = unsafe rmdir(path)
    }

    /// The path of a file in this folder, which is removed with the folder.
    func path(of name: String) -> String {
        let file = "\(path)/\(name)"
        files.insert(file)
        return file
    }

    /// Creates a file and returns its path.
    @discardableResult
    func write(_ name: String, _ text: String, mode: mode_t = 0o600) throws -> String {
        let file = path(of: name)
        let descriptor = try Files.openToAppend(file)
        defer { close(descriptor) }
        Files.write(Array(text.utf8), to: descriptor)
        guard unsafe chmod(file, mode) == 0 else { throw Failure(code: errno) }
        return file
    }
}
