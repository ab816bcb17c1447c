/// How a request's body is taken: an endpoint says it, and the edge follows it when it reads the body.
package enum BodyPolicy: Sendable, Equatable {
    /// The body is read and discarded.
    case none
    case memory
    /// The body is written to a temporary file that has no name. `limit` is in bytes.
    case file(limit: Int)

    /// The maximum length of a body in memory, in bytes.
    package static let memoryLimit = 1 << 20
    package static let memoryLimitText = "\(memoryLimit >> 20) MiB"

    /// The maximum length of the body, in bytes.
    package var limit: Int {
        switch self {
        case .none, .memory: Self.memoryLimit
        case .file(let limit): limit
        }
    }
}

/// The body of a request.
package enum RequestBody: Sendable {
    case bytes([UInt8])
    case file(OpenFile)

    package static let empty = RequestBody.bytes([])

    /// In bytes.
    package var length: Int {
        switch self {
        case .bytes(let bytes): bytes.count
        case .file(let file): file.length
        }
    }
}

/// Reads the body of the current request, once. Throws what is wrong with it.
package typealias BodyReader = (BodyPolicy) throws(Rejection) -> RequestBody

/// What is wrong with a request that cannot be handled.
package enum Rejection: Error, Equatable {
    /// A param contains control characters or, unless it is a header, is not UTF-8; or `CONTENT_LENGTH` is not a
    /// number.
    case malformed
    /// The body is longer than its policy allows; in bytes.
    case bodyTooLarge(limit: Int)
    /// The body ended early, or its length differs from `CONTENT_LENGTH`.
    case bodyIncomplete
    /// The body had not arrived, and so many threads wait for bodies that this one cannot.
    case bodyNotAwaited
    /// The end of the body cannot be recognized, because its length is not known.
    case lengthUnknown
    /// The temporary file could not be written.
    case bodyNotStored
}
