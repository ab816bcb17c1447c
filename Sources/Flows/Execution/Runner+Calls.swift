/// Steps that make a call outside of this process.
extension Runner {
    /// What has become of a claimed run on this thread.
    enum Continuation {
        case ended
        case waits
        /// The step's call is prepared; another thread continues the run when it has ended.
        case calls(ParkedRun)
    }

    /// How long a run waits, in the queue, while its process keeps as many calls as it may.
    var pauseBeforeCall: Duration { .seconds(Double.random(in: 5...15)) }

    /// Whether the attempt of this task makes a call, for which there is no room.
    func lacksRoom(for definition: TaskDefinition) -> Bool {
        guard definition.task is any ExternalTask, let calls = engine.calls else { return false }
        return !calls.hasRoom(for: checkpoint.execution.userID)
    }

    /// The run of this step, for which a call is to be made.
    func parked(_ call: ExternalCall, _ definition: TaskDefinition, _ attempt: Int) -> ParkedRun {
        ParkedRun(
            executionID: checkpoint.execution.id, lease: checkpoint.lease, userID: checkpoint.execution.userID,
            type: definition.task.type, step: checkpoint.nextNumber, attempt: attempt, call: call)
    }

    /// The first event of a run that continues with the end of its call.
    ///
    /// - Throws: `Fenced` if the open step is not the one that made the call.
    mutating func conclude(_ run: ParkedRun, with end: CallEnd) throws -> RunState.Event? {
        guard let open = checkpoint.openStep, open.status == .running, open.number == run.step,
            open.attempt == run.attempt
        else { throw Fenced() }
        let definition = state.continueAttempt()
        return try conclude(definition, result(of: end, definition), run.attempt, started: open.started)
    }
}
