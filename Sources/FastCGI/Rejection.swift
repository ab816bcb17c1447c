package import HTTP

/// A request that cannot be handled, to be answered in the application's one error shape.
package struct Rejection: Error {
    package enum Reason: Sendable, Equatable {
        /// A param is no valid UTF-8, holds control characters, or `CONTENT_LENGTH` is no number.
        case malformed
        /// The body is longer than the settings allow.
        case bodyTooLarge
        /// The body ended early, or its length is not the announced one.
        case bodyIncomplete
    }

    package let reason: Reason
    /// What was readable of the request, without its body: for the log and the request id of the answer.
    package let request: Request

    /// 413 for a body too large, else 400.
    package var status: Status { reason == .bodyTooLarge ? .contentTooLarge : .badRequest }
}
