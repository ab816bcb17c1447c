import Crypto
import JSON
import Synchronization

package enum TokenError: Error, Equatable {
    /// Not a token of this server, or not one for its audience, or not valid yet.
    case invalid
    /// Genuine in every respect, but expired.
    case expired
    /// Names an unknown key, or the keys were read too long ago to decide: read them again.
    case unknownKey
}

/// Signs and verifies this server's access tokens: JWTs (RFC 7519) with HMAC-SHA-256 under the rules of RFC 8725.
package final class TokenIssuer: Sendable {
    /// The number of seconds by which the clocks of two machines may differ.
    static let leeway: Int64 = 30
    /// The maximum length of a token, in bytes; longer ones are refused unread.
    static let maximumLength = 8192
    /// The number of seconds for which adopted keys count as current.
    private static let keysLifetime: Int64 = 60

    private let issuer: String
    private let audience: String
    private let known: Mutex<Known>

    /// Under one lock, so that verifying a cached token takes no other.
    private struct Known {
        var keys: TokenKeys
        /// When the keys were read, in seconds since 1970.
        var readAt: Int64?
        /// While the clock shows a time in this range, the keys count as current. It extends into the past as well: a
        /// request has the time of its arrival, and a clock that was set back must not keep old keys in use.
        var validity: Range<Int64>
        var genuine = GenuineTokens()
        /// The number of times that other keys were adopted.
        var generation = 0
    }

    /// With keys that never change, or, with `untilAdoption`, with keys that sign until others are adopted and verify
    /// nothing before.
    package init(keys: TokenKeys, issuer: String, audience: String, untilAdoption: Bool = false) {
        self.issuer = issuer
        self.audience = audience
        known = Mutex(Known(keys: keys, validity: untilAdoption ? 0..<0 : Int64.min..<Int64.max))
    }

    var keys: TokenKeys { known.withLock(\.keys) }

    /// When the current keys were read, in seconds since 1970; nil when none were adopted yet.
    package var keysReadAt: Int64? { known.withLock(\.readAt) }

    /// Replaces the keys with those that were read at that time, unless newer ones have been adopted. Tokens of removed
    /// keys are no longer valid, even if they are cached.
    package func adopt(_ keys: TokenKeys, readAt now: Int64) {
        known.withLock { known in
            if let last = known.readAt, now < last, known.validity.contains(now) { return }
            known.readAt = now
            known.validity = (now - Self.keysLifetime)..<(now + Self.keysLifetime)
            guard keys != known.keys else { return }
            known.keys = keys
            known.generation += 1
            known.genuine.removeAll()
        }
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

    /// The claims of a token that this server has signed and that is valid at `now`, in seconds since 1970.
    package func verify(_ token: String, now: Int64) throws(TokenError) -> Claims {
        let end = GenuineTokens.end(of: token)
        let (seen, areKeysRecent) = known.withLock { ($0.genuine[end], $0.validity.contains(now)) }
        guard areKeysRecent else { throw .unknownKey }
        let claims: Claims
        if let seen, seen.isOf(token) {
            claims = seen.claims
        } else {
            let (keys, generation) = known.withLock { ($0.keys, $0.generation) }
            claims = try read(token, keys)
            known.withLock { known in
                guard known.generation == generation else { return }
                known.genuine.store(GenuineTokens.Entry(token, claims), end: end)
            }
        }
        guard claims.issuedAt <= now + Self.leeway, claims.notBefore <= now + Self.leeway else { throw .invalid }
        guard claims.expires > now - Self.leeway else { throw .expired }
        return claims
    }

    /// The claims of a token that this server has signed, valid now or not.
    ///
    /// Before the signature is checked, only the id of the token's key is read.
    private func read(_ token: String, _ keys: TokenKeys) throws(TokenError) -> Claims {
        guard token.utf8.count <= Self.maximumLength else { throw .invalid }
        let bytes = Array(token.utf8)
        guard let first = bytes.firstIndex(of: UInt8(ascii: ".")), let last = bytes.lastIndex(of: UInt8(ascii: ".")),
            first < last
        else { throw .invalid }
        let key = try keys.key(named: bytes[..<first])
        guard let signature = Base64URL.decode(bytes[(last + 1)...]), key.mac.isValid(signature, for: bytes[..<last]),
            let text = Base64URL.decode(bytes[(first + 1)..<last]), let payload = try? JSON(parsing: text),
            payload["iss"] == .string(issuer), payload["aud"] == .string(audience),
            let claims = Claims(payload)
        else { throw .invalid }
        return claims
    }
}
