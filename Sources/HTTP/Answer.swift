package import JSON

/// One status that an endpoint returns on success.
package struct Answer: Sendable {
    package let status: Status
    package let summary: String
    package let schema: JSONSchema?
    package let contentType: String
    /// The answer's own headers; those that follow from the status or the endpoint are added automatically.
    package let headers: [ResponseHeader]

    package init(
        _ status: Status, _ summary: String, _ schema: JSONSchema? = nil, contentType: String = "application/json",
        headers: [ResponseHeader] = []
    ) {
        self.status = status
        self.summary = summary
        self.schema = schema
        self.contentType = contentType
        self.headers = headers
    }
}

/// A response header, as the API description shows it.
package enum ResponseHeader: String, Sendable, CaseIterable {
    case requestID = "X-Request-Id"
    case location = "Location"
    case etag = "ETag"
    case link = "Link"
    case retryAfter = "Retry-After"
    case rateLimit = "RateLimit"
    case rateLimitPolicy = "RateLimit-Policy"
    case authenticate = "WWW-Authenticate"
    case preferenceApplied = "Preference-Applied"
    case idempotencyReplayed = "Idempotency-Replayed"
    case setCookie = "Set-Cookie"

    package var summary: String {
        switch self {
        case .requestID: "Identifies the call in the operator's logs: the caller's own if it sent one, else a new one"
        case .location: "The address of the resource"
        case .etag: "The resource's version, for `If-Match` and `If-None-Match`"
        case .link: "Of a fork, `rel=\"related\"`: the comparison with the run that it repeats (RFC 8288)"
        case .retryAfter: "Seconds to wait before the call is repeated"
        case .rateLimit:
            "What is left: the limit's name, `r` calls at once, `t` seconds until the next one or until all"
        case .rateLimitPolicy: "The limit that the call counts toward: its name, calls `q` in a window of `w` seconds"
        case .authenticate: "The challenge of RFC 6750: `Bearer`, with `error=\"invalid_token\"` for a refused token"
        case .preferenceApplied: "The preference that was applied: `wait=20` or `respond-async`"
        case .idempotencyReplayed: "`true` for the stored answer of an earlier call with the same key"
        case .setCookie: "The tokens as cookies that no script can read, for browsers"
        }
    }

    package var schema: JSONSchema { self == .retryAfter ? .integer(0...Int64(Int32.max)) : .string }
}
