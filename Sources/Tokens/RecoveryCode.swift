import Crypto

/// A code that replaces a one-time password, once, if the user has lost the authenticator app.
///
/// Fifteen characters of Crockford's base32 alphabet in three groups, `k7m2x-9dq4t-7ze5w`: 75 random bits. The alphabet
/// has no letter that looks like another character.
package struct RecoveryCode: Sendable, Equatable {
    private static let alphabet = "0123456789abcdefghjkmnpqrstvwxyz"
    private static let length = 15

    /// Without hyphens, in lower case.
    private let characters: [UInt8]

    /// A random code.
    private init() {
        characters = Array(SecureRandom.string(length: Self.length, alphabet: Self.alphabet).utf8)
    }

    /// Parses a code as a person types it: in either case, with or without hyphens and spaces, `o` for 0, `i` and `l`
    /// for 1. Nil for anything else.
    package init?(typed: String) {
        var characters: [UInt8] = []
        for byte in typed.utf8 where byte != UInt8(ascii: "-") && byte != UInt8(ascii: " ") {
            let lower = (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) ? byte | 0x20 : byte
            let meant =
                switch lower {
                case UInt8(ascii: "o"): UInt8(ascii: "0")
                case UInt8(ascii: "i"), UInt8(ascii: "l"): UInt8(ascii: "1")
                default: lower
                }
            guard Self.alphabet.utf8.contains(meant) else { return nil }
            characters.append(meant)
        }
        guard characters.count == Self.length else { return nil }
        self.characters = characters
    }

    /// A new set for one account: ten different codes.
    package static func makeSet() -> [RecoveryCode] {
        var codes: [RecoveryCode] = []
        while codes.count < 10 {
            let code = RecoveryCode()
            if !codes.contains(code) { codes.append(code) }
        }
        return codes
    }

    /// The text that the user is shown, once.
    package var text: String {
        stride(from: 0, to: characters.count, by: 5).map { start in
            String(decoding: characters[start..<start + 5], as: UTF8.self)
        }.joined(separator: "-")
    }

    /// The digest that is stored instead of the code: 32 bytes, looked up by the digest of what is typed.
    ///
    /// A password needs a slow hash because people choose from few; a code is random, so SHA-256 is enough: no guess is
    /// likelier than another, and 2⁷⁵ guesses are not feasible. The account is part of the digest, so that an attacker
    /// who steals the table must search for each account separately.
    ///
    /// - Parameter account: the user's id.
    package func digest(for account: String) -> [UInt8] {
        // All codes have the same length, so the concatenation is unambiguous.
        Digest.sha256(characters + Array(account.utf8))
    }
}
