import CSodium

package enum PasswordError: Error, Equatable {
    /// No slot came free, or there was no memory for one more hash: to be tried again shortly.
    case busy
    /// Outside `PasswordHasher.acceptedLength`.
    case length
}

/// Passwords as argon2id hashes in PHC strings (RFC 9106), computed by libsodium.
///
/// Every hash and verification takes one of the slots and, at the standard cost, 10 to 30 ms of processor time.
package struct PasswordHasher: Sendable {
    /// What one hash costs, attacker and owner alike.
    package struct Cost: Sendable, Equatable {
        let passes: UInt64
        /// Of memory.
        let bytes: Int

        /// - Parameters:
        ///   - passes: over the memory, at least 1.
        ///   - kibibytes: of memory, at least 8.
        package init(passes: Int, kibibytes: Int) {
            self.passes = UInt64(passes)
            bytes = kibibytes * 1024
        }

        /// OWASP's minimum for argon2id: 19 MiB, two passes, one lane.
        package static let standard = Cost(passes: 2, kibibytes: 19_456)
    }

    /// In bytes, as sent: a password is neither normalised nor cut, and any byte may occur in it.
    package static let acceptedLength = 8...1024

    private let cost: Cost
    private let slots: HashingSlots
    private var client: String?
    /// What a log-in of an unknown user is checked against.
    private let dummy: StoredHash

    package init(slots: HashingSlots, cost: Cost = .standard) {
        // Its status tells nothing new: without a random source libsodium aborts.
        _ = sodium_init()
        self.cost = cost
        self.slots = slots
        dummy = .ofNoPassword(at: cost)
    }

    /// The same, with the slots shared out fairly among those that are named.
    package func serving(_ client: String?) -> PasswordHasher {
        var hasher = self
        hasher.client = client
        return hasher
    }

    /// The PHC string to store: `$argon2id$v=19$m=19456,t=2,p=1$…` with a salt of its own.
    package func hash(_ password: [UInt8]) throws(PasswordError) -> String {
        guard Self.acceptedLength.contains(password.count) else { throw .length }
        guard let hash = try slots.withSlot(for: client, { Self.hash(password, cost) }) else { throw .busy }
        return hash
    }

    /// Whether the password is the one of the stored hash; false for anything else that may be stored there.
    ///
    /// - Parameters:
    ///   - password: one that no account can have, as it is too short, costs the same work: a refusal for nothing would
    ///     let a caller fail as often as the network carries it.
    ///   - stored: nil for an unknown user, or one without a password. The answer is false after the same work then, so
    ///     that its time does not tell who has an account.
    package func verify(_ password: [UInt8], against stored: String?) throws(PasswordError) -> Bool {
        let expected = stored.flatMap(StoredHash.init)
        let matches = try slots.withSlot(for: client) { (expected ?? dummy).matches(password) }
        guard let matches else { throw .busy }
        return matches && expected != nil && Self.acceptedLength.contains(password.count)
    }

    /// Whether the stored hash was made at another cost: then the password, once verified, is to be hashed again.
    package func needsRehash(_ stored: String) -> Bool {
        StoredHash(stored)?.cost != cost
    }

    /// Nil when there is no memory for it.
    private static func hash(_ password: [UInt8], _ cost: Cost) -> String? {
        var text = [UInt8](repeating: 0, count: Int(crypto_pwhash_STRBYTES))
        let status = unsafe crypto_pwhash_str_alg(
            &text, password, UInt64(password.count), cost.passes, cost.bytes, crypto_pwhash_ALG_ARGON2ID13)
        return status == 0 ? String(decoding: text.prefix { $0 != 0 }, as: UTF8.self) : nil
    }
}
