import CSystem
import Glibc

/// Signals that are read (signalfd(2)) instead of interrupting the process.
///
/// Creating one blocks its signals in the calling thread permanently, and threads started later inherit that. Create it
/// before any other thread: otherwise the kernel delivers the signals to that thread as usual.
package final class SignalDescriptor {
    /// Readable while a signal is pending.
    package let descriptor: Int32

    package init(_ signals: [Signal]) throws(ProcessError) {
        var set = sigset_t(signals)
        let code = unsafe pthread_sigmask(SIG_BLOCK, &set, nil)
        guard code == 0 else { throw ProcessError("pthread_sigmask", code: code) }
        // If a launcher left SIGCHLD ignored, the kernel would reap children without notice.
        for signal in signals { signal.restoreDefaultDisposition() }
        descriptor = unsafe signalfd(-1, &set, Int32(SFD_NONBLOCK | SFD_CLOEXEC))
        guard descriptor >= 0 else { throw ProcessError("signalfd") }
    }

    deinit {
        close(descriptor)
    }

    /// The next pending signal; several of one kind may arrive as one.
    package func next() -> Signal? {
        var information = signalfd_siginfo()
        let size = MemoryLayout<signalfd_siginfo>.size
        guard unsafe read(descriptor, &information, size) == size else { return nil }
        return Signal(rawValue: Int32(information.ssi_signo))
    }
}

extension Signal {
    fileprivate func restoreDefaultDisposition() {
        Glibc.signal(rawValue, SIG_DFL)
    }
}
