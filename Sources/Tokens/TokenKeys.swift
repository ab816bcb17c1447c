import Crypto
import JSON
import System

package enum TokenKeyError: Error, Equatable {
    /// Shorter than `TokenKeys.minimumLength`.
    case weakKey
}

/// The keys of this server's access tokens: one that signs, its predecessor, and those that will sign after it.
///
/// A key's id is derived from the key, so that all processes agree on it without a setting.
package struct TokenKeys: Sendable, Equatable {
    struct Key: Sendable {
        /// The number of characters in an id, which are hexadecimal digits.
        static let idLength = 16

        let id: String
        /// The header segment of every token that this key signs: base64url text.
        let header: [UInt8]
        let mac: HMACSHA256
        /// For refresh tokens: another key, so that no token can be taken for one of the other kind.
        let refresh: HMACSHA256
        /// For CSRF tokens, likewise.
        let csrf: HMACSHA256
    }

    /// The minimum length of a secret, in bytes: that of the digest (RFC 7518, section 3.2).
    package static let minimumLength = 32

    let signing: Key
    /// The keys for valid access tokens.
    let verifying: [Key]
    /// Also earlier keys: for tokens that live longer than access tokens and are verified by more than the key.
    let all: [Key]

    /// - Parameters:
    ///   - secret: signs and verifies.
    ///   - previous: verifies tokens signed before the last change of the secret.
    package init(secret: [UInt8], previous: [UInt8]? = nil) throws(TokenKeyError) {
        var all: [Key] = []
        for secret in [previous, secret].compactMap(\.self) { all.append(try Key(secret: secret)) }
        self.init(all, signing: all.count - 1)
    }

    /// - Parameter all: in the order in which they sign.
    private init(_ all: [Key], signing: Int) {
        self.all = all
        self.signing = all[signing]
        verifying = Array(all[max(0, signing - 1)...])
    }

    /// These keys, followed by later ones.
    ///
    /// - Parameters:
    ///   - secrets: in the order in which they sign.
    ///   - signing: how many of them have begun to sign; the last of those signs now.
    package func followed(by secrets: [[UInt8]], signing count: Int) throws(TokenKeyError) -> TokenKeys {
        var all = all
        for secret in secrets { all.append(try Key(secret: secret)) }
        return TokenKeys(all, signing: self.all.count - 1 + count)
    }

    /// The id of the key with that secret.
    package static func id(of secret: [UInt8]) throws(TokenKeyError) -> String { try Key(secret: secret).id }

    /// In the order in which they sign.
    package var ids: [String] { all.map(\.id) }

    package static func == (one: TokenKeys, other: TokenKeys) -> Bool {
        one.signing.id == other.signing.id && one.ids == other.ids
    }

    /// The key that the header segment of a token names. Throws `invalid` when this server could not have written the
    /// header, or the key's access tokens are no longer valid.
    ///
    /// This server decides on the algorithm, never the token: the header is only checked (RFC 8725, sections 3.1, 3.10
    /// and 3.11).
    func key(named header: ArraySlice<UInt8>) throws(TokenError) -> Key {
        // This server's headers are always the same bytes, so they need no parsing.
        if let key = verifying.first(where: { $0.header.elementsEqual(header) }) { return key }
        guard let text = Base64URL.decode(header), let fields = try? JSON(parsing: text),
            fields["alg"] == "HS256", fields["typ"] == "at+jwt",
            TokenHeader.refusedFields.allSatisfy({ fields[$0] == nil }),
            let id = fields["kid"]?.stringValue
        else { throw .invalid }
        if let key = verifying.first(where: { $0.id == id }) { return key }
        let isNew = id.utf8.count == Key.idLength && id.utf8.allSatisfy(Hexadecimal.isDigit)
        throw isNew && !ids.contains(id) ? .unknownKey : .invalid
    }
}

/// Rules for the header of every token, from any issuer.
enum TokenHeader {
    /// Keys that come with the token, and extensions that must be understood: neither is accepted.
    static let refusedFields = ["crit", "jwk", "jku", "x5u", "x5c"]
}

extension TokenKeys.Key {
    fileprivate init(secret: [UInt8]) throws(TokenKeyError) {
        guard secret.count >= TokenKeys.minimumLength else { throw .weakKey }
        mac = HMACSHA256(key: secret)
        refresh = HMACSHA256(key: mac.code(for: "refresh token key".utf8))
        csrf = HMACSHA256(key: mac.code(for: "csrf token key".utf8))
        id = Hexadecimal.encode(mac.code(for: "access token key id".utf8).prefix(Self.idLength / 2))
        let fields: JSON = ["alg": "HS256", "typ": "at+jwt", "kid": .string(id)]
        header = Array(Base64URL.encode(fields.serialized()).utf8)
    }
}
