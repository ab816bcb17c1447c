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
    case webhookID = "Webhook-Id"
    case gitHubDelivery = "X-GitHub-Delivery"
    case gitHubSignature = "X-Hub-Signature-256"
    case stripeSignature = "Stripe-Signature"

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
        case .webhookID: "The id of the delivery: calls with the same one start one run"
        case .gitHubDelivery: "The same, of GitHub"
        case .gitHubSignature: "`sha256=CODE`: signs the call of a hook with the scheme `github`"
        case .stripeSignature: "`t=TIME,v1=CODE`: signs the call of a hook with the scheme `stripe`"
        case .userAgent: "Your program's name: the list of sessions shows it as `agent`"
        }
    }

    /// The pattern that a value must match; nil: any text.
    package var pattern: String? {
        switch self {
        case .idempotencyKey, .webhookID, .gitHubDelivery: "^[!-~]{1,255}$"
        case .ifMatch, .ifNoneMatch, .prefer, .userAgent, .lastEventID, .gitHubSignature, .stripeSignature: nil
        }
    }
}
