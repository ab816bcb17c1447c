import JSON

package enum TokenKeyError: Error, Equatable {
    /// Shorter than `TokenKeys.minimumLength`.
    case weakKey
}

/// The keys of our own access tokens: one that signs and, while it is being replaced, its predecessor.
///
/// A key's id is derived from the key, so that all processes agree on it without a setting.
package struct TokenKeys: Sendable {
    struct Key: Sendable {
        let id: String
        /// The header segment of every token that this key signs: base64url text.
        let header: [UInt8]
        let mac: HMACSHA256
        /// Of refresh tokens: another key, so that no token can ever be taken for one of the other kind.
        let refresh: HMACSHA256
        /// Of CSRF tokens, likewise.
        let csrf: HMACSHA256
    }

    /// In bytes: as long as the digest (RFC 7518, section 3.2).
    package static let minimumLength = 32

    let signing: Key
    let all: [Key]

    /// - Parameters:
    ///   - secret: signs and verifies.
    ///   - previous: verifies tokens signed before the last change of the secret.
    package init(secret: [UInt8], previous: [UInt8]? = nil) throws(TokenKeyError) {
        signing = try Key(secret: secret)
        if let previous {
            all = [signing, try Key(secret: previous)]
        } else {
            all = [signing]
        }
    }

    /// The key that the header segment of a token names, or nil when the header is not one we could have written.
    ///
    /// The algorithm is ours, never the token's to choose; what a header says is only checked (RFC 8725, sections
    /// 3.1, 3.10 and 3.11).
    func key(named header: ArraySlice<UInt8>) -> Key? {
        // Ours are always the same bytes, which are not worth a parse.
        if let key = all.first(where: { $0.header.elementsEqual(header) }) { return key }
        guard let text = Base64URL.decode(header), let fields = try? JSON(parsing: text),
            fields["alg"] == "HS256", fields["typ"] == "at+jwt",
            TokenHeader.refusedFields.allSatisfy({ fields[$0] == nil }),
            let id = fields["kid"]?.stringValue
        else { return nil }
        return all.first { $0.id == id }
    }
}

/// What holds for the header of every token, whoever signed it.
enum TokenHeader {
    /// Keys that come with the token, and extensions that must be understood: we take none of either.
    static let refusedFields = ["crit", "jwk", "jku", "x5u", "x5c"]
}

extension TokenKeys.Key {
    fileprivate init(secret: [UInt8]) throws(TokenKeyError) {
        guard secret.count >= TokenKeys.minimumLength else { throw .weakKey }
        mac = HMACSHA256(key: secret)
        refresh = HMACSHA256(key: mac.code(for: "refresh token key".utf8))
        csrf = HMACSHA256(key: mac.code(for: "csrf token key".utf8))
        id = Hexadecimal.encode(Array(mac.code(for: "access token key id".utf8).prefix(8)))
        let fields: JSON = ["alg": "HS256", "typ": "at+jwt", "kid": .string(id)]
        header = Array(Base64URL.encode(fields.serialized()).utf8)
    }
}
