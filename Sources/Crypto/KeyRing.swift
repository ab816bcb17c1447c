import System

package enum KeyRingError: Error, Equatable {
    /// Shorter than `KeyRing.minimumLength`.
    case weakKey
}

/// Why a sealed value cannot be opened. Neither case helps an attacker who has forged the value.
package enum SealError: Error, Equatable {
    /// No key of the ring has the id in the value.
    case unknownKey
    /// Not sealed with the key it names or with these associated bytes, or changed since, or not a sealed value at all.
    case notGenuine
}

/// The master keys that seal stored secrets: the current one, and its predecessors, so that their values can still be
/// opened.
///
/// Every value is encrypted with AES-256-GCM under a random key of its own, and only that key under the master key. To
/// replace a master key, the values are rewrapped, which changes only their first bytes and reveals no secret.
///
/// Both layers authenticate the bytes that the caller associates with a value. They say where it belongs (its owner and
/// id), so that a copy of the value in another row cannot be opened.
///
/// A sealed value is a version (1 byte), a key id (8), the wrapped key (60) and the encrypted secret (28 more than the
/// secret). Version and key id are authenticated with the wrapped key, before the associated bytes. Key ids are derived
/// from the keys, so that all processes agree on them without a setting.
package struct KeyRing: Sendable {
    private struct Key: Sendable {
        /// The first bytes of every value wrapped by this key: the version and the key's id.
        let head: [UInt8]
        let master: AES256GCM

        /// The secret itself encrypts nothing: the key and the id are derived from it, and the id reveals nothing about
        /// it.
        init(secret: [UInt8]) throws(KeyRingError) {
            guard secret.count >= minimumLength else { throw .weakKey }
            let derivation = HMACSHA256(key: secret)
            head = [version] + derivation.code(for: "sealing key id".utf8).prefix(headLength - 1)
            var bytes = derivation.code(for: "sealing key".utf8)
            master = AES256GCM(key: bytes)
            bytes.wipe()
        }
    }

    /// The minimum length of a key, in bytes.
    package static let minimumLength = 32
    /// The number of bytes by which a sealed value is longer than the secret.
    package static let overhead = wrapEnd + AES256GCM.overhead

    private static let version: UInt8 = 1
    private static let headLength = 9
    private static let wrapEnd = headLength + AES256GCM.keyLength + AES256GCM.overhead

    private let current: Key
    private let all: [Key]

    /// - Parameters:
    ///   - key: seals and opens. Random bytes; the caller should wipe its copy.
    ///   - previous: open what they sealed before they were replaced.
    package init(key: [UInt8], previous: [[UInt8]] = []) throws(KeyRingError) {
        current = try Key(secret: key)
        var all = [current]
        for secret in previous { all.append(try Key(secret: secret)) }
        self.all = all
    }

    /// The first bytes of every value that the current key wraps, and of no other: a query finds by them what to
    /// rewrap.
    package var currentHead: [UInt8] { current.head }

    /// The id of the current key, then those of its predecessors, as they appear in sealed values after the version.
    package var ids: [String] { all.map { Hexadecimal.encode($0.head.dropFirst()) } }

    package func seal(_ secret: some Collection<UInt8>, associated: some Collection<UInt8>) -> [UInt8] {
        let key = AES256GCM()
        let associated = Array(associated)
        return wrap(key, associated) + key.seal(secret, authenticating: associated)
    }

    /// Opens a sealed value. The caller should wipe the secret as soon as it has used it.
    package func open(_ sealed: [UInt8], associated: some Collection<UInt8>) throws(SealError) -> [UInt8] {
        let associated = Array(associated)
        let key = try unwrap(sealed, associated)
        guard let secret = key.open(sealed[Self.wrapEnd...], authenticating: associated) else { throw .notGenuine }
        return secret
    }

    /// The same secret under the current master key.
    ///
    /// The encrypted secret is copied without being checked: if it was changed, the result cannot be opened either.
    package func rewrap(_ sealed: [UInt8], associated: some Collection<UInt8>) throws(SealError) -> [UInt8] {
        let associated = Array(associated)
        return wrap(try unwrap(sealed, associated), associated) + sealed[Self.wrapEnd...]
    }

    private func wrap(_ key: AES256GCM, _ associated: [UInt8]) -> [UInt8] {
        current.head + key.wrapped(by: current.master, authenticating: current.head + associated)
    }

    private func unwrap(_ sealed: [UInt8], _ associated: [UInt8]) throws(SealError) -> AES256GCM {
        guard sealed.count >= Self.overhead, sealed[0] == Self.version else { throw .notGenuine }
        guard let key = all.first(where: { sealed.starts(with: $0.head) }) else { throw .unknownKey }
        let wrapped = sealed[Self.headLength..<Self.wrapEnd]
        guard let unwrapped = AES256GCM(unwrapping: wrapped, with: key.master, authenticating: key.head + associated)
        else { throw .notGenuine }
        return unwrapped
    }
}
