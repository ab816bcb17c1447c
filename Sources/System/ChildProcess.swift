package import Glibc

/// A child process of this one, until `reap()` has returned how it ended.
///
/// Until then it is safe to signal its id: the kernel reserves the id for the child, even after it has exited. Dropping
/// the value does not affect the child.
package struct ChildProcess: Hashable, Sendable {
    package let id: pid_t

    /// Starts `executable` (posix_spawn(3); forking without exec is unsafe in Swift).
    ///
    /// The child starts clean: default dispositions, no blocked signals but those in `blocking`, a process group of
    /// its own, so that Ctrl-C in a terminal reaches only the parent, and no descriptors but the keys of
    /// `descriptors`, each a duplicate of this process's descriptor in the value. Those of 0, 1 and 2 that are not keys
    /// are `/dev/null`.
    /// - Parameters:
    ///   - arguments: without the name of the program, which is `executable`.
    ///   - signals: those that may be sent before the child is prepared for them, and would end it.
    /// - Throws: also if the executable cannot be run, since `posix_spawn` reports the error of `exec`.
    package static func spawn(
        _ executable: String, arguments: [String], environment: [String: String], descriptors: [Int32: Int32],
        blocking signals: [Signal] = []
    ) throws(ProcessError) -> ChildProcess {
        let plan = try SpawnPlan(descriptors, blocking: signals)
        return try plan.spawn(
            executable, arguments: [executable] + arguments, environment: environment.map { "\($0)=\($1)" }.sorted())
    }

    /// Sends `signal`; does nothing if the child has exited.
    package func send(_ signal: Signal) {
        kill(id, signal.rawValue)
    }

    /// How the child ended; nil while it runs. After this has returned a cause, another process may get the id.
    package func reap() -> ExitCause? {
        var status: Int32 = 0
        while true {
            let answer = unsafe waitpid(id, &status, WNOHANG)
            if answer == id { return ExitCause(status: status) }
            if answer == 0 { return nil }
            if errno != EINTR { return .unknown }
        }
    }
}
