package import Glibc

/// A child process of this one, until `reap()` has told how it ended.
///
/// Its number is safe to signal until then: the kernel keeps it for the child, dead or alive. Dropping the value
/// does nothing to the child.
package struct ChildProcess: Hashable, Sendable {
    package let id: pid_t

    /// Starts `executable` (posix_spawn(3); forking without exec is unsafe in Swift).
    ///
    /// The child starts clean: default dispositions, no blocked signals, a process group of its own, so that a
    /// terminal's Ctrl-C reaches only the parent, and no descriptors but the keys of `descriptors`, each a duplicate
    /// of this process's descriptor that is its value. Of 0, 1 and 2 those that are no keys are `/dev/null`.
    /// - Parameter arguments: without the name of the program, which is `executable`.
    /// - Throws: also when the executable cannot be run, since `posix_spawn` reports what `exec` said.
    package static func spawn(
        _ executable: String, arguments: [String], environment: [String: String], descriptors: [Int32: Int32]
    ) throws(ProcessError) -> ChildProcess {
        let plan = try SpawnPlan(descriptors)
        return try plan.spawn(
            executable, arguments: [executable] + arguments, environment: environment.map { "\($0)=\($1)" }.sorted())
    }

    /// Sends `signal`; a child that is dead already does not mind.
    package func send(_ signal: Signal) {
        kill(id, signal.rawValue)
    }

    /// How the child ended, or nil while it lives. After an answer the number may belong to a stranger.
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
