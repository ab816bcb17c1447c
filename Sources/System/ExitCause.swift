/// Why a child process is no more.
package enum ExitCause: Hashable, Sendable {
    /// It left by itself with that status.
    case exited(Int32)
    /// A signal ended it.
    case signalled(Signal)
    /// Somebody else took its status (waitpid(2), `ECHILD`).
    case unknown

    /// From the status word of waitpid(2), whose macros Swift does not see.
    init(status: Int32) {
        let signal = status & 0x7f
        self = signal == 0 ? .exited((status >> 8) & 0xff) : .signalled(Signal(rawValue: signal))
    }
}
