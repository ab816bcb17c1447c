package import Postgres

/// A run with a step that makes a call. It keeps its lease and occupies no thread; its record is in the database, which
/// is read again when the call has ended.
///
/// ```
///   announced, committed --> parked --> call waits --> call runs --> continued on a slot --> result committed
///                              |                          |
///                              +------ lease lost, canceled, worker stops: aborted, nothing recorded
/// ```
///
/// If the process dies before the result is committed, the lease expires and another worker repeats the step, with the
/// same idempotency key.
package struct ParkedRun: Sendable {
    package let executionID: String
    package let lease: String
    let userID: String
    /// The step's task type, number and attempt.
    let type: String
    let step: Int
    let attempt: Int
    let call: ExternalCall
}

extension Engine {
    /// Begins the call of a parked run, or lets it wait until the limits permit it.
    ///
    /// - Parameter ready: called once, on any thread, when the run can be continued.
    package func begin(
        _ run: ParkedRun, _ cancellation: Cancellation, ready: @escaping @Sendable () -> Void
    ) {
        guard let calls else { return ready() }
        calls.add(run, ready: ready)
        // The interruption may have come before the call was added.
        if cancellation.isRequested { calls.cancel(run.lease) }
        if cancellation.endsAfterStep { calls.cancel(run.lease, ifWaiting: true) }
    }

    /// Begins the calls of parked runs for which there is room since some time has passed.
    package func beginCalls() { calls?.beginNext() }

    /// Aborts the call of a parked run.
    ///
    /// - Parameter ifWaiting: only if the call has not begun.
    package func abandon(_ run: ParkedRun, ifWaiting: Bool) { calls?.cancel(run.lease, ifWaiting: ifWaiting) }

    /// Continues a parked run that is ready, on this thread. Throws like `execute`.
    package func resume(
        _ run: ParkedRun, on connection: Connection, _ cancellation: Cancellation
    ) throws -> ClaimOutcome {
        guard let end = calls?.take(run.lease), !cancellation.isRequested else { return .lost }
        let claim = try trouble.watching {
            try Queue.claimed(run.executionID, lease: run.lease, on: connection)
        }
        guard let claim else {
            observe(.leaseLost(executionID: run.executionID))
            return .lost
        }
        return try execute(claim, ending: (run, end), on: connection, cancellation)
    }
}
