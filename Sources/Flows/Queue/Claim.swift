import JSON
import Postgres

/// A run that this process has claimed from the queue: a snapshot from the moment of the claim.
package struct Claim: Sendable {
    package let lease: String
    package let execution: Execution
    /// The time since the run was created.
    let age: Duration
    let budget: Budget
    let signal: JSON?
    /// Whether the run holds a place of its workflow.
    let isLimited: Bool
    /// If set, `execution` has only the steps from `progress.number` on; otherwise it has all of them.
    let progress: RunProgress?
    /// The processor time that the run has used.
    let processorTime: Duration
    /// Whether a process that executed the run has died since the run last made progress. The caller executes it while
    /// no other run is executed in the process.
    package let isSuspect: Bool
    /// The number of claims since the run last made progress, including this one.
    let claims: Int

    /// The maximum number of claims without progress. A run that exceeds it probably crashes its workers and is given
    /// up.
    static let maximumClaims = 5
}

/// The result of executing a claimed run.
package enum ClaimOutcome: Sendable {
    case ended
    /// The run is in the queue again.
    case waits
    /// The run waits for a call, and keeps its lease: the caller begins the call.
    case calls(ParkedRun)
    /// Another worker has the run, or it was canceled or aborted. Nothing since its last commit is recorded.
    case lost
    /// The run could not continue; a worker retries it later. The error is for the log.
    case postponed(any Error)
}

/// How long a claim is valid unless its lease is renewed.
enum Lease {
    static let seconds = 10
    static let duration: SQL = "interval '10 seconds'"
}
