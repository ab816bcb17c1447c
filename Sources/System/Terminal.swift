import Glibc

/// Standard input, a terminal or a pipe.
package enum Terminal {
    /// The maximum length of a line, in bytes; a longer one is not a password.
    private static let maximumLineLength = 4_096

    /// One line of standard input without its end; nil if there is none. On a terminal it shows `prompt` and hides what
    /// is typed.
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

    /// Reads byte by byte, so that the bytes after the line remain for the next reader.
    private static func readLine() -> String? {
        var line: [UInt8] = []
        var byte: UInt8 = 0
        while line.count < maximumLineLength {
            let count = unsafe read(0, &byte, 1)
            if count < 0, errno == EINTR { continue }
            guard count == 1 else { return line.isEmpty ? nil : String(validating: line, as: UTF8.self) }
            if byte == UInt8(ascii: "\n") { return String(validating: line, as: UTF8.self) }
            line.append(byte)
        }
        return nil
    }
}
