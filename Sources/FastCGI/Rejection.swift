package import HTTP

/// A request that cannot be handled. The application answers it in the format of its errors.
package struct Rejection: Error {
    package enum Reason: Sendable, Equatable {
        /// A param is not valid UTF-8 or contains control characters, or `CONTENT_LENGTH` is not a number.
        case malformed
        /// The body is longer than the settings allow.
        case bodyTooLarge
        /// The body ended early, or its length differs from `CONTENT_LENGTH`.
        case bodyIncomplete
    }

    package let reason: Reason
    /// The readable part of the request, without its body: for the log and the request id of the response.
    package let request: Request

    /// 413 for a body that is too large, otherwise 400.
    package var status: Status { reason == .bodyTooLarge ? .contentTooLarge : .badRequest }
}
