import JSON

/// The claims of an access token. Times are seconds since 1970.
package struct Claims: Sendable, Equatable {
    /// Id of the user.
    package var subject: String
    /// Id of the session that the token was issued for.
    package var session: String
    package var issuedAt: Int64
    package var notBefore: Int64
    /// The first second in which the token is no longer valid.
    package var expires: Int64

    package init(subject: String, session: String, issuedAt: Int64, notBefore: Int64, expires: Int64) {
        self.subject = subject
        self.session = session
        self.issuedAt = issuedAt
        self.notBefore = notBefore
        self.expires = expires
    }
}

extension Claims {
    /// Parses the claims (RFC 7519, section 4.1), all of them required; nil when one is missing or of another type.
    init?(_ payload: JSON) {
        guard let subject = payload["sub"]?.stringValue, subject.isUUID,
            let session = payload["sid"]?.stringValue, session.isUUID,
            let issuedAt = payload["iat"]?.secondsValue,
            let notBefore = payload["nbf"]?.secondsValue,
            let expires = payload["exp"]?.secondsValue
        else { return nil }
        self.init(
            subject: subject, session: session, issuedAt: issuedAt, notBefore: notBefore, expires: expires)
    }
}

extension JSON {
    /// A whole number of seconds in any notation: `1.7e9` is one.
    fileprivate var secondsValue: Int64? {
        integerValue ?? doubleValue.flatMap { Int64(exactly: $0) }
    }
}
