/// A code that stands in for a one-time password, once, when the app that makes those is lost.
///
/// Fifteen characters of Crockford's base32 alphabet in three groups, `k7m2x-9dq4t-7ze5w`: 75 random bits. The alphabet
/// has no letter that could be taken for another character or a digit.
package struct RecoveryCode: Sendable, Equatable {
    private static let alphabet = "0123456789abcdefghjkmnpqrstvwxyz"
    private static let length = 15

    /// Without hyphens, in lower case.
    private let characters: [UInt8]

    /// A random code.
    private init() {
        characters = Array(SecureRandom.string(length: Self.length, alphabet: Self.alphabet).utf8)
    }

    /// The code that a person meant: in either case, with hyphens and spaces or without, `o` for 0, `i` and `l` for 1.
    /// Nil when no code was meant.
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

    /// What the person is shown, once.
    package var text: String {
        stride(from: 0, to: characters.count, by: 5).map { start in
            String(decoding: characters[start..<start + 5], as: UTF8.self)
        }.joined(separator: "-")
    }

    /// What is stored in place of the code: 32 bytes, found again by the digest of what is typed.
    ///
    /// A password needs a slow hash because people choose it from few; a code is random, and SHA-256 is enough: no
    /// guess is likelier than another, and nobody can try 2⁷⁵. The account is part of the digest, so that whoever
    /// steals the table must search for each account anew.
    ///
    /// - Parameter account: the user's id.
    package func digest(for account: String) -> [UInt8] {
        // The code is of one length, so the two cannot run into each other.
        Digest.sha256(characters + Array(account.utf8))
    }
}
