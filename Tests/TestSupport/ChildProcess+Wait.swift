import Glibc
package import System

extension ChildProcess {
    /// Waits until the child has ended, and returns how.
    package func wait() -> ExitCause {
        var information = unsafe siginfo_t()
        // Leaves the child to `reap`.
        while unsafe waitid(P_PID, id_t(id), &information, WEXITED | WNOWAIT) != 0, errno == EINTR {}
        return reap() ?? .unknown
    }
}
