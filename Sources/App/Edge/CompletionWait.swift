package import HTTP
package import Postgres

/// A call that waits for a run to end.
package struct CompletionWait: Sendable {
    package let executionID: String
    /// The user who made the call.
    package let userID: String
    package let timeout: Duration
    /// The response of a call when its time has passed before its run's record could be read.
    package let fallback: @Sendable () -> Response
    /// Returns the response, when the run has ended or the timeout has passed; nil if the run's record is large and the
    /// second argument is false.
    package let response: @Sendable (_ connection: Connection, _ admitLarge: Bool) -> Response?
}
