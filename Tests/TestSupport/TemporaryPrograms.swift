package import Glibc
import System

/// A folder of programs, removed with this object. It is below `/tmp`, where all users can enter it.
package final class TemporaryPrograms: Sendable {
    package let path: String

    package init() throws {
        var template = Array("/tmp/programs.XXXXXX".utf8CString)
        guard unsafe mkdtemp(&template) != nil else { throw TestFailure("mkdtemp: \(errno)") }
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        guard unsafe chmod(path, 0o755) == 0 else { throw TestFailure("chmod: \(errno)") }
    }

    deinit { try? run("/bin/rm", ["-rf", path], [:]) }

    /// Writes a program, or replaces it.
    package func write(_ name: String, _ text: String, mode: mode_t = 0o755) throws {
        unsafe unlink("\(path)/\(name)")
        let file = unsafe open("\(path)/\(name)", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw TestFailure("open: \(errno)") }
        defer { close(file) }
        guard Files.write(Array(text.utf8), to: file), fchmod(file, mode) == 0 else {
            throw TestFailure("write: \(errno)")
        }
    }
}
