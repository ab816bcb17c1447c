/// A run that this worker alone executes, as long as its lease is valid. Belongs to the thread that claimed it.
package struct Job {
    package typealias Interrupt = @Sendable (Interruption) -> Void

    /// The state of a run after `run` has returned.
    package enum Ending: Sendable {
        /// It has ended, waits for something, or will be retried: there is no lease to release.
        case settled
        /// It waits for something outside of the database and needs no slot. It keeps its lease, and is continued by
        /// `WorkerQueue.Access.resume` when the closure that `begin` receives has been called, which happens once.
        case parked(begin: @Sendable (@escaping @Sendable () -> Void) -> Void)
        /// It was interrupted before its end.
        case unfinished
        /// It could not continue, for a reason of its own. It is retried later.
        case failed(any Error)
    }

    package let lease: Lease
    /// Whether the run may have ended a process: it is executed while no other run is executed in this one.
    package let isSuspect: Bool
    /// Executes the run. Throws what is wrong with the queue.
    package let run: () throws -> Ending
    /// Releases the lease of a run that was interrupted or not begun, so that it is due at once for the next worker.
    /// Does nothing if the lease was lost.
    package let release: () throws -> Void
    /// Makes `run` end early, or ends what a parked run waits for, which may be ready before this returns. Called on
    /// other threads, and during `run` under a lock, so it must not block; possibly more than once, and after `run` has
    /// ended.
    package let interrupt: Interrupt

    package init(
        lease: Lease, isSuspect: Bool = false, run: @escaping () throws -> Ending,
        release: @escaping () throws -> Void, interrupt: @escaping Interrupt
    ) {
        self.lease = lease
        self.isSuspect = isSuspect
        self.run = run
        self.release = release
        self.interrupt = interrupt
    }
}

/// A worker's exclusive claim to a run.
package struct Lease: Hashable, Sendable {
    /// The run's id.
    package let run: String
    /// The random fencing token that every write of the run checks.
    package let token: String

    package init(run: String, token: String) {
        self.run = run
        self.token = token
    }
}

/// How soon a run is to end.
package enum Interruption: Comparable, Sendable {
    /// Let the current step finish and be recorded.
    case afterStep
    /// Abort the step and record nothing of it: the lease is lost, or the time is up.
    case atOnce
}
