import JSON

package enum TokenError: Error, Equatable {
    /// Not a token of ours, or not one for us, or not valid yet.
    case invalid
    /// Genuine in every respect, but its time is over.
    case expired
}

/// Signs our access tokens and verifies them: JWTs (RFC 7519) with HMAC-SHA-256 under the rules of RFC 8725.
package struct TokenIssuer: Sendable {
    /// By how many seconds the clocks of two machines may differ.
    package static let leeway: Int64 = 30
    /// Longer tokens, in bytes, are not looked at.
    package static let maximumLength = 8192

    let keys: TokenKeys
    private let issuer: String
    private let audience: String
    private let genuine = GenuineTokens()

    package init(keys: TokenKeys, issuer: String, audience: String) {
        self.keys = keys
        self.issuer = issuer
        self.audience = audience
    }

    package func sign(_ claims: Claims) -> String {
        let payload: JSON = [
            "iss": .string(issuer), "aud": .string(audience), "sub": .string(claims.subject),
            "sid": .string(claims.session), "iat": .integer(claims.issuedAt), "nbf": .integer(claims.notBefore),
            "exp": .integer(claims.expires),
        ]
        let key = keys.signing
        let message = String(decoding: key.header, as: UTF8.self) + "." + Base64URL.encode(payload.serialized())
        return message + "." + Base64URL.encode(key.mac.code(for: message.utf8))
    }

    /// The claims of a token that we signed and that holds at `now`, in seconds since 1970.
    package func verify(_ token: String, now: Int64) throws(TokenError) -> Claims {
        let claims: Claims
        if let known = genuine[token] {
            claims = known
        } else {
            claims = try read(token)
            genuine.remember(token, claims)
        }
        guard claims.issuedAt <= now + Self.leeway, claims.notBefore <= now + Self.leeway else { throw .invalid }
        guard claims.expires > now - Self.leeway else { throw .expired }
        return claims
    }

    /// The claims of a token that we signed, at whatever time.
    ///
    /// Nothing in the token but the name of its key is read before the signature has been checked.
    private func read(_ token: String) throws(TokenError) -> Claims {
        guard token.utf8.count <= Self.maximumLength else { throw .invalid }
        let bytes = Array(token.utf8)
        guard let first = bytes.firstIndex(of: UInt8(ascii: ".")), let last = bytes.lastIndex(of: UInt8(ascii: ".")),
            first < last, let key = keys.key(named: bytes[..<first]),
            let signature = Base64URL.decode(bytes[(last + 1)...]), key.mac.isValid(signature, for: bytes[..<last]),
            let text = Base64URL.decode(bytes[(first + 1)..<last]), let payload = try? JSON(parsing: text),
            payload["iss"]?.stringValue == issuer, payload["aud"]?.stringValue == audience,
            let claims = Claims(payload)
        else { throw .invalid }
        return claims
    }
}
