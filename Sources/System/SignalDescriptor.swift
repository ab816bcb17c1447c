import CSystem
import Glibc

/// Signals as something to read (signalfd(2)) instead of something that interrupts.
///
/// Making one blocks its signals in the calling thread, for good, and threads started later inherit that: make it
/// before any other thread, or the kernel delivers them there in the old way.
package final class SignalDescriptor {
    /// Readable while a signal is pending.
    package let descriptor: Int32

    package init(_ signals: [Signal]) throws(ProcessError) {
        var set = sigset_t(signals)
        let code = unsafe pthread_sigmask(SIG_BLOCK, &set, nil)
        guard code == 0 else { throw ProcessError("pthread_sigmask", code: code) }
        // An ignored SIGCHLD, which a launcher may leave behind, would have the kernel reap children unseen.
        for signal in signals { signal.restoreDefaultDisposition() }
        descriptor = unsafe signalfd(-1, &set, Int32(SFD_NONBLOCK | SFD_CLOEXEC))
        guard descriptor >= 0 else { throw ProcessError("signalfd") }
    }

    deinit {
        close(descriptor)
    }

    /// The next pending signal; several of one kind may have become one.
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
