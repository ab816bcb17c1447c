package import Crypto
import JSON

/// A token (RFC 7519) that another issuer has signed, parsed under the rules of RFC 8725.
///
/// Nothing in it can be trusted before `claims` has checked the signature: its issuer only says which keys to use.
package struct ExternalToken: Sendable {
    /// The issuer that it names.
    package let issuer: String
    /// The id of the key that signed it; opaque.
    package let keyID: String
    private let algorithm: SignatureAlgorithm
    /// The bytes that were signed.
    private let message: ArraySlice<UInt8>
    private let signature: [UInt8]
    private let payload: JSON

    /// The maximum length of a key id, in bytes.
    private static let maximumKeyIDLength = 256

    /// Nil for malformed text, for an algorithm without public keys, and for a header that contains its own key or
    /// requires an extension that is not supported.
    package init?(_ token: String) {
        guard token.utf8.count <= TokenIssuer.maximumLength else { return nil }
        let bytes = Array(token.utf8)
        let segments = bytes.split(separator: UInt8(ascii: "."), maxSplits: 3, omittingEmptySubsequences: false)
        guard segments.count == 3, let signature = Base64URL.decode(segments[2]),
            let header = Self.json(segments[0]), let payload = Self.json(segments[1]),
            let algorithm = (header["alg"]?.stringValue).flatMap(SignatureAlgorithm.init),
            Self.isType(header["typ"]), TokenHeader.refusedFields.allSatisfy({ header[$0] == nil }),
            let keyID = header["kid"]?.stringValue, keyID.utf8.count <= Self.maximumKeyIDLength,
            let issuer = payload["iss"]?.stringValue
        else { return nil }
        self.issuer = issuer
        self.keyID = keyID
        self.algorithm = algorithm
        message = bytes[..<segments[1].endIndex]
        self.signature = signature
        self.payload = payload
    }

    private static func json(_ segment: ArraySlice<UInt8>) -> JSON? {
        Base64URL.decode(segment).flatMap { try? JSON(parsing: $0) }
    }

    /// The type may be absent (RFC 7519, section 5.1) or that of access tokens (RFC 9068, section 2.1). A token of
    /// another kind with the type `JWT`, such as an ID token, is recognised by its audience.
    private static func isType(_ field: JSON?) -> Bool {
        guard let field else { return true }
        return ["jwt", "at+jwt", "application/at+jwt"].contains(field.stringValue?.lowercased())
    }

    /// The claims, once the token is known to come from that issuer, to be meant for this service, and to be valid at
    /// `now`, in seconds since 1970.
    ///
    /// - Parameter key: the one that the issuer has published under `keyID`. It determines the algorithm.
    package func claims(
        from issuer: TrustedIssuer, signedBy key: PublicKey, now: Int64
    ) throws(TokenError) -> ExternalClaims {
        guard key.algorithm == algorithm, key.isValid(signature: signature, message: message),
            payload["iss"] == .string(issuer.name), isMeant(by: issuer),
            let claims = ExternalClaims(payload), let expires = payload["exp"]?.doubleValue
        else { throw .invalid }
        let (now, leeway) = (Double(now), Double(TokenIssuer.leeway))
        for name in ["iat", "nbf"] {
            guard let time = payload[name] else { continue }
            guard let seconds = time.doubleValue, seconds <= now + leeway else { throw .invalid }
        }
        guard expires > now - leeway else { throw .expired }
        return claims
    }

    private func isMeant(by issuer: TrustedIssuer) -> Bool {
        let party = payload["azp"]
        guard party == nil || party?.stringValue != nil else { return false }
        var audiences: [String]?
        switch payload["aud"] {
        case nil: break
        case .string(let audience)?: audiences = [audience]
        case .array(let members)?:
            let names = members.compactMap(\.stringValue)
            guard names.count == members.count else { return false }
            audiences = names
        default: return false
        }
        return issuer.accepts(audiences: audiences, authorizedParty: party?.stringValue)
    }
}

/// What another issuer says about one of its users (OpenID Connect Core 1.0, section 5.1).
package struct ExternalClaims: Sendable, Equatable {
    /// The user's id: unique at the issuer, and never assigned to another user.
    package let subject: String
    /// Nil unless the issuer has verified that it is the user's.
    package let email: String?
    package let name: String?
    /// When the token was issued, in seconds since 1970; nil if it does not say.
    package var issuedAt: Int64?
    /// When the token expires, in seconds since 1970.
    package var expires: Int64?
}

extension ExternalClaims {
    /// Nil without a subject of 1 to 255 bytes, the range that OpenID Connect allows.
    init?(_ payload: JSON) {
        guard let subject = payload["sub"]?.stringValue, (1...255).contains(subject.utf8.count),
            !subject.utf8.contains(0)
        else { return nil }
        self.subject = subject
        email = payload["email_verified"] == true ? payload["email"]?.stringValue : nil
        name = payload["name"]?.stringValue
        issuedAt = payload["iat"]?.doubleValue.flatMap { Int64(exactly: $0.rounded(.down)) }
        expires = payload["exp"]?.doubleValue.flatMap { Int64(exactly: $0.rounded(.down)) }
    }
}
