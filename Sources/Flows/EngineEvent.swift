/// What happens to runs, for the engine's observer.
package enum EngineEvent: Sendable, Equatable {
    /// A run was claimed from the queue.
    case claimed(executionID: String)
    /// A part of a run was committed.
    case committed(executionID: String)
    /// The end of a step was committed. `status` is that of the last attempt.
    case stepFinished(type: String, status: StepStatus, duration: Duration)
    /// The end of a run was committed. `duration` is the time since the run was created.
    case runFinished(status: ExecutionStatus, duration: Duration)
    /// The run has led to as many runs as it may; further ones are refused. Reported once.
    case treeFull(executionID: String)
    /// A run was executed here until its lease was lost: it was canceled, or another worker has claimed it.
    case leaseLost(executionID: String)
}
