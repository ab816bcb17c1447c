/// What happens to runs, for the engine's observer.
package enum EngineEvent: Sendable, Equatable {
    /// A run was claimed from the queue.
    case claimed(executionID: String)
    /// A part of a run was committed.
    case committed(executionID: String)
    /// An attempt of a step begins, on the thread that executes it.
    case stepStarted(type: String)
    /// The end of a step was committed.
    case stepFinished(FinishedStep)
    /// The end of a run was committed. `duration` is the time since the run was created.
    case runFinished(status: ExecutionStatus, duration: Duration)
    /// The run has led to as many runs as it may; further ones are refused. Reported once.
    case treeFull(executionID: String)
    /// A run was executed here until its lease was lost: it was canceled, or another worker has claimed it.
    case leaseLost(executionID: String)
    /// How many external calls more or fewer run and wait.
    case callsChanged(running: Int, waiting: Int)
    case callEnded(FinishedCall)
    /// No partitions of the history can be made for the months to come, because too many runs have none already.
    case monthsMissing
    /// The partitions of the history could not be made or dropped, because another transaction has locked the tables.
    case historyLocked
    /// The runs of a partition of the history are gone: of `2026_12`, or of all months before the first (`first`).
    case historyDropped(month: String)
}

/// An external call that has ended.
package struct FinishedCall: Sendable, Equatable {
    /// The task type of its step.
    package let type: String
    /// What was called, such as a host. Users choose it, so it is for the log only.
    package let target: String
    /// From a list of the program: `2xx`, `timeout`, `canceled`.
    package let outcome: String
    /// Whether the target could not be reached, or is in trouble.
    package let isTrouble: Bool
    /// Without the wait for the limits.
    package let duration: Duration
}

/// A step that has ended.
package struct FinishedStep: Sendable, Equatable {
    package let type: String
    /// Of the last attempt.
    package let status: StepStatus
    package let duration: Duration
    /// The number of attempts.
    package let attempts: Int
    /// The credits that were charged for it.
    package let cost: Int64

    package init(type: String, status: StepStatus, duration: Duration, attempts: Int, cost: Int64) {
        self.type = type
        self.status = status
        self.duration = duration
        self.attempts = attempts
        self.cost = cost
    }
}
