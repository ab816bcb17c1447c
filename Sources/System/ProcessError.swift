import Glibc

/// A system call that failed.
package struct ProcessError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The name of the call, such as `posix_spawn`.
    package let call: StaticString
    /// The `errno` of the failure.
    package let code: Int32

    package init(_ call: StaticString, code: Int32 = errno) {
        self.call = call
        self.code = code
    }

    package var description: String { "\(call): \(unsafe String(cString: strerror(code)))" }

    package static func == (left: Self, right: Self) -> Bool {
        left.code == right.code && left.call.description == right.call.description
    }

    package func hash(into hasher: inout Hasher) {
        hasher.combine(code)
    }
}
