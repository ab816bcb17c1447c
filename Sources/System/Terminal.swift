import Glibc

/// The person, or the pipe, at standard input.
package enum Terminal {
    /// Longer lines are no passwords.
    private static let longestLine = 4_096

    /// One line of standard input without its end; nil when there is none. Where a person types it, `prompt` is shown
    /// and the typing is not.
    package static func readSecret(prompt: String) -> String? {
        guard isatty(0) == 1 else { return readLine() }
        Files.write(Array(prompt.utf8), to: 2)
        var settings = termios()
        unsafe tcgetattr(0, &settings)
        var silent = settings
        silent.c_lflag &= ~tcflag_t(ECHO)
        unsafe tcsetattr(0, TCSAFLUSH, &silent)
        defer {
            unsafe tcsetattr(0, TCSAFLUSH, &settings)
            Files.write([UInt8(ascii: "\n")], to: 2)
        }
        return readLine()
    }

    /// Byte by byte, so that what comes after the line stays for the next reader.
    private static func readLine() -> String? {
        var line: [UInt8] = []
        var byte: UInt8 = 0
        while line.count < longestLine {
            let count = unsafe read(0, &byte, 1)
            if count < 0, errno == EINTR { continue }
            guard count == 1 else { return line.isEmpty ? nil : String(validating: line, as: UTF8.self) }
            if byte == UInt8(ascii: "\n") { return String(validating: line, as: UTF8.self) }
            line.append(byte)
        }
        return nil
    }
}
