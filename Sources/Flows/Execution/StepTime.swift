import System

/// What limits the time of a pure step, for a task that checks it while it runs.
struct StepTime {
    /// When the run has had its time on the thread of a call; nil for a worker, which has no other place for the step.
    let leaves: ContinuousClock.Instant?
    /// The processor time of this thread at which the run has used all of its own.
    let processorTimeEnd: Duration
    /// When that can be at the earliest. This clock is cheaper to read.
    let earliestEnd: ContinuousClock.Instant

    func check(_ now: ContinuousClock.Instant) throws {
        if now >= earliestEnd, ProcessorTime.ofThread >= processorTimeEnd { throw TaskFailure.processorTimeExceeded }
        if let leaves, now >= leaves { throw ThreadTimeExceeded() }
    }
}

/// A pure step has taken as long as a run may occupy the thread of a call: a worker executes it from its beginning.
struct ThreadTimeExceeded: Error {}
