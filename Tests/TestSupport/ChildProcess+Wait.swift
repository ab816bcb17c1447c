import Glibc
package import System

extension ChildProcess {
    /// Waits until the child has exited, and returns the cause.
    package func wait() -> ExitCause {
        var information = unsafe siginfo_t()
        // WNOWAIT leaves the child to be reaped by `reap`.
        while unsafe waitid(P_PID, id_t(id), &information, WEXITED | WNOWAIT) != 0, errno == EINTR {}
        return reap() ?? .unknown
    }
}
