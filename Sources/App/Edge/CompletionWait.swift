package import HTTP
package import Postgres

/// A call that waits for a run to end.
package struct CompletionWait: Sendable {
    package let executionID: String
    package let timeout: Duration
    /// Returns the response, when the run has ended or the timeout has passed.
    package let response: @Sendable (Connection) -> Response
}
