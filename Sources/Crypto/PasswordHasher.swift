import CSodium

package enum PasswordError: Error, Equatable {
    /// No slot became free, or there was not enough memory for another hash: the caller may retry shortly.
    case busy
    /// Outside `PasswordHasher.acceptedLength`.
    case length
}

/// Passwords as argon2id hashes in PHC strings (RFC 9106), computed by libsodium.
///
/// Every hash and verification takes one of the slots and, at the default cost, 10 to 30 ms of processor time.
package struct PasswordHasher: Sendable {
    /// The cost of one hash, for attackers and owners alike.
    package struct Cost: Sendable, Equatable {
        let passes: UInt64
        /// The memory, in bytes.
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

    /// In bytes. A password is not truncated, and may contain any byte.
    package static let acceptedLength = 8...1024

    private let cost: Cost
    private let slots: HashingSlots
    private var client: String?
    /// The hash against which the login of an unknown user is checked.
    private let dummy: StoredHash

    package init(slots: HashingSlots, cost: Cost = .standard) {
        // The status adds nothing: without a random source libsodium aborts.
        _ = sodium_init()
        self.cost = cost
        self.slots = slots
        dummy = .ofNoPassword(at: cost)
    }

    /// The same hasher on behalf of that client: `HashingSlots` shares the slots fairly among clients.
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

    /// Whether the password matches the stored hash; false for any other text that may be stored there.
    ///
    /// - Parameters:
    ///   - password: one that is too short for any account costs the same work: if it were refused at once, a client
    ///     could fail as often as the network allows.
    ///   - stored: nil for an unknown user, or one without a password. The result is then false after the same work, so
    ///     that the time does not reveal who has an account.
    package func verify(_ password: [UInt8], against stored: String?) throws(PasswordError) -> Bool {
        let expected = stored.flatMap(StoredHash.init)
        let matches = try slots.withSlot(for: client) { (expected ?? dummy).matches(password) }
        guard let matches else { throw .busy }
        return matches && expected != nil && Self.acceptedLength.contains(password.count)
    }

    /// Whether the stored hash has another cost: then the password is to be hashed again, once it is verified.
    package func needsRehash(_ stored: String) -> Bool {
        StoredHash(stored)?.cost != cost
    }

    /// Nil if there is not enough memory.
    private static func hash(_ password: [UInt8], _ cost: Cost) -> String? {
        var text = [UInt8](repeating: 0, count: Int(crypto_pwhash_STRBYTES))
        let status = unsafe crypto_pwhash_str_alg(
            &text, password, UInt64(password.count), cost.passes, cost.bytes, crypto_pwhash_ALG_ARGON2ID13)
        return status == 0 ? String(decoding: text.prefix { $0 != 0 }, as: UTF8.self) : nil
    }
}
