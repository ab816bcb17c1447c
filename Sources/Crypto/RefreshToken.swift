/// A token that renews one session once: `fmr_`, the session's id, the token's number in the session, and a code over
/// both and the session's seed. It is made anew wherever it is needed and stored nowhere.
package struct RefreshToken: Sendable {
    package let session: String
    /// From 0, by one with each renewal.
    package let number: Int
    private let code: [UInt8]

    /// As scanners for leaked secrets look for it.
    private static let prefix = "fmr_"

    /// Reads the text of a token, genuine or not; nil for what no token looks like.
    package init?(_ text: String) {
        guard text.hasPrefix(Self.prefix) else { return nil }
        let parts = text.utf8.dropFirst(Self.prefix.utf8.count)
            .split(separator: UInt8(ascii: "."), maxSplits: 3, omittingEmptySubsequences: false)
        guard parts.count == 3, let session = String(parts[0]), UUIDv7.isValid(session),
            let digits = String(parts[1]), let number = Int(digits), number >= 0, String(number) == digits,
            number < Int(Int32.max), let code = Base64URL.decode(parts[2]), code.count == 32
        else { return nil }
        self.session = session
        self.number = number
        self.code = code
    }

    fileprivate init(session: String, number: Int, seed: [UInt8], key: HMACSHA256) {
        self.session = session
        self.number = number
        code = key.code(for: Self.message(session, number, seed))
    }

    fileprivate func isGenuine(seed: [UInt8], key: HMACSHA256) -> Bool {
        key.isValid(code, for: Self.message(session, number, seed))
    }

    package var text: String { "\(Self.prefix)\(session).\(number).\(Base64URL.encode(code))" }

    private static func message(_ session: String, _ number: Int, _ seed: [UInt8]) -> [UInt8] {
        Array("\(session).\(number).".utf8) + seed
    }
}

extension TokenIssuer {
    /// The refresh token of that number of a session with that seed.
    package func refreshToken(session: String, number: Int, seed: [UInt8]) -> RefreshToken {
        RefreshToken(session: session, number: number, seed: seed, key: keys.signing.refresh)
    }

    /// Whether we made it, with whatever key, for the session that has this seed: who had an old key would need the seed
    /// as well, and the session's end is that of its tokens.
    package func isGenuine(_ token: RefreshToken, seed: [UInt8]) -> Bool {
        keys.all.contains { token.isGenuine(seed: seed, key: $0.refresh) }
    }
}
