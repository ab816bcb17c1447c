package import Crypto
package import JSON
import System

package enum KeySetError: Error, Equatable {
    /// Not of the form `{"keys":[…]}`.
    case malformed
    /// More than `JSONWebKeySet.maximumCount`.
    case tooManyKeys
    /// Two usable keys have the same id, so it is ambiguous which of them a token names.
    case duplicateID
    /// A shared secret (`oct`) in a set that is public: an issuer that publishes one cannot be trusted.
    case symmetricKey
}

/// The keys that an issuer of tokens has published (RFC 7517, section 5), by their ids.
package struct JSONWebKeySet: Sendable {
    /// The maximum number of keys in a set, usable or not.
    static let maximumCount = 100

    private let keys: [TextKey: PublicKey]

    /// Unusable keys, such as those without an id, are left out: a set may contain keys for other purposes.
    package init(_ json: JSON) throws(KeySetError) {
        guard let members = json["keys"]?.arrayValue else { throw .malformed }
        guard members.count <= Self.maximumCount else { throw .tooManyKeys }
        guard !members.contains(where: { $0["kty"] == "oct" }) else { throw .symmetricKey }
        var keys: [TextKey: PublicKey] = [:]
        for key in members.lazy.compactMap(PublicKey.init(jwk:)) {
            guard let id = key.id else { continue }
            guard keys.updateValue(key, forKey: TextKey(id)) == nil else { throw .duplicateID }
        }
        self.keys = keys
    }

    /// The number of usable keys.
    package var count: Int { keys.count }

    /// The key that a token names.
    package subscript(id: String) -> PublicKey? { keys[TextKey(id)] }
}
