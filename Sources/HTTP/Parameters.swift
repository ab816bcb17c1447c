package import JSON

/// A field of an endpoint's query, or a parameter in its path that is not an id.
package struct Parameter: Sendable {
    package let name: String
    package let schema: JSONSchema
    package let summary: String
    /// Whether the value may contain control characters; they must reach no log and no header.
    package let takesControls: Bool

    package init(_ name: String, _ schema: JSONSchema, _ summary: String, takesControls: Bool = false) {
        self.name = name
        self.schema = schema
        self.summary = summary
        self.takesControls = takesControls
    }
}

/// A header that some endpoints read, as the API description shows it.
package enum RequestHeader: String, Sendable {
    case ifMatch = "If-Match"
    case ifNoneMatch = "If-None-Match"
    case prefer = "Prefer"
    case idempotencyKey = "Idempotency-Key"
    case userAgent = "User-Agent"
    case lastEventID = "Last-Event-ID"

    package var summary: String {
        switch self {
        case .ifMatch: "The `ETag` of the version that you have read: the call is refused with 412 if it has changed"
        case .ifNoneMatch:
            "The `ETag` of the version that you have: it is answered 304, without a body, if it is current"
        case .prefer:
            "`wait=20` waits up to 20 seconds for the end of the run. Maximum: 50. `respond-async` alone does not wait"
        case .idempotencyKey:
            "1 to 255 visible ASCII characters. The call has its effect once: when it is repeated with the same key "
                + "and body within 24 hours, it gets the stored answer; a call that started a run, the answer that "
                + "fits the run's present state"
        case .lastEventID: "The id of the last event that you have got: the answer continues after it"
        case .userAgent: "Your program's name: the list of sessions shows it as `agent`"
        }
    }

    /// The pattern that a value must match; nil: any text.
    package var pattern: String? { self == .idempotencyKey ? "^[!-~]{1,255}$" : nil }
}
