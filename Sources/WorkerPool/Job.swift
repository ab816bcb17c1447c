/// A run that this worker alone carries out, as long as its lease holds. Belongs to the thread that claimed it.
package struct Job {
    /// How a run came back from `run`.
    package enum Ending: Sendable {
        /// It is over, or waits for something, or will be tried again: there is nothing left to give back.
        case settled
        /// It was interrupted before its end.
        case unfinished
    }

    package let lease: Lease
    /// Carries it out. Throws what kept it from going on.
    package let run: () throws -> Ending
    /// Makes a run that was interrupted, or never begun, due at once for whoever comes next; nothing if it was lost.
    package let giveBack: () throws -> Void
    /// Has `run` end early. Called on other threads and under a lock, so it must not wait; more than once, and when
    /// `run` has ended already.
    package let interrupt: @Sendable (Interruption) -> Void

    package init(
        lease: Lease, run: @escaping () throws -> Ending, giveBack: @escaping () throws -> Void,
        interrupt: @escaping @Sendable (Interruption) -> Void
    ) {
        self.lease = lease
        self.run = run
        self.giveBack = giveBack
        self.interrupt = interrupt
    }
}

/// What a run is held by.
package struct Lease: Hashable, Sendable {
    /// The run's id.
    package let run: String
    /// The random number that fences it.
    package let token: String

    package init(run: String, token: String) {
        self.run = run
        self.token = token
    }
}

/// How soon a run is to end.
package enum Interruption: Comparable, Sendable {
    /// Let the step at hand finish and be recorded.
    case afterStep
    /// Break the step off and record nothing of it: the lease is gone, or the time is up.
    case atOnce
}
