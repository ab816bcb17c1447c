import CFastCGI
import Glibc

/// libfcgi's process-wide state, set up once.
enum Library {
    /// 0, or the error of `FCGX_Init`.
    static let status: Int32 = {
        // How long, in milliseconds, the library waits for a silent peer: before a request, and while it closes a
        // connection.
        unsafe setenv("LIBFCGI_IS_AF_UNIX_KEEPER_POLL_TIMEOUT", "200", 1)
        unsafe setenv("LIBFCGI_OS_CLOSE_POLL_TIMEOUT", "200", 1)

        // The library installs its own handlers; the process's own dispositions of these signals are restored.
        let signals = [SIGTERM, SIGUSR1]
        let before = signals.map { signal in
            var action = sigaction()
            unsafe sigaction(signal, nil, &action)
            return action
        }
        let status = FCGX_Init()
        for index in signals.indices {
            unsafe withUnsafePointer(to: before[index]) { _ = unsafe sigaction(signals[index], $0, nil) }
        }
        // A failed write reports that the peer has disconnected.
        signal(SIGPIPE, SIG_IGN)
        return status
    }()
}
