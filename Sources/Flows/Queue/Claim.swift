import JSON
import Postgres

/// A run that this process has taken from the queue, as it stood then.
package struct Claim: Sendable {
    package let lease: String
    package let execution: Execution
    /// Since the run began.
    let age: Duration
    let budget: Budget
    let signal: JSON?
    let concurrencyLimit: ConcurrencyLimit
    /// How often the run was taken since it last got on, this time included.
    package let claims: Int

    /// So often a run may be taken without getting on: more says that it ends whoever runs it.
    package static let most = 5
}

/// How long a run stays with whoever took it, unless the lease is renewed.
package enum Lease {
    package static let seconds = 10
    static let duration: SQL = "interval '10 seconds'"
}
