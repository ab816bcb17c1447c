import Glibc

/// How a child process ended.
package enum ExitCause: Hashable, Sendable {
    /// It exited with that status.
    case exited(Int32)
    /// A signal ended it.
    case signalled(Signal)
    /// Its status was already read elsewhere (waitpid(2), `ECHILD`).
    case unknown

    /// Whether the process has ended because of a defect of itself (signal(7)). Swift's runtime ends a program by an
    /// illegal instruction, or a trap, when a check fails.
    package var isCrash: Bool {
        guard case .signalled(let signal) = self else { return false }
        return [SIGSEGV, SIGBUS, SIGABRT, SIGILL, SIGTRAP, SIGFPE].contains(signal.rawValue)
    }

    /// From the status word of waitpid(2). Swift does not import its macros.
    init(status: Int32) {
        let signal = status & 0x7f
        self = signal == 0 ? .exited((status >> 8) & 0xff) : .signalled(Signal(rawValue: signal))
    }
}

extension ExitCause: CustomStringConvertible {
    /// As the log has it: `exited(1)`, `signalled(9)`.
    package var description: String {
        switch self {
        case .exited(let status): "exited(\(status))"
        case .signalled(let signal): "signalled(\(signal.rawValue))"
        case .unknown: "unknown"
        }
    }
}
