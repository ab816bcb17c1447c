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
    let concurrencyLimit: ConcurrencyLimit
    /// The number of claims since the run last made progress, including this one.
    package let claims: Int

    /// The maximum number of claims without progress. A run that exceeds it probably crashes its workers and is given
    /// up.
    package static let most = 5
}

/// How long a claim is valid unless its lease is renewed.
package enum Lease {
    package static let seconds = 10
    static let duration: SQL = "interval '10 seconds'"
}
