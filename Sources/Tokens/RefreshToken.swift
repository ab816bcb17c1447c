import Crypto
import JSON
import System

/// A token that renews one session once: `fmr_`, the session's id, the token's number in the session, and a code over
/// both and the session's seed. It is computed when it is needed, and never stored.
package struct RefreshToken: Sendable {
    package let session: String
    /// Begins with 0 and increases by one with each renewal.
    package let number: Int
    private let code: [UInt8]

    /// The prefix by which scanners recognise leaked secrets.
    private static let prefix = "fmr_"

    /// Parses the text of a token, genuine or not; nil for any other text.
    package init?(_ text: String) {
        guard text.hasPrefix(Self.prefix) else { return nil }
        let parts = text.utf8.dropFirst(Self.prefix.utf8.count)
            .split(separator: UInt8(ascii: "."), maxSplits: 3, omittingEmptySubsequences: false)
        guard parts.count == 3, let session = String(parts[0]), session.isUUID,
            let digits = String(parts[1]), let number = Int(plain: digits), (0..<Int(Int32.max)).contains(number),
            let code = Base64URL.decode(parts[2]), code.count == 32
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
    /// The refresh token with that number, of a session with that seed.
    package func refreshToken(session: String, number: Int, seed: [UInt8]) -> RefreshToken {
        RefreshToken(session: session, number: number, seed: seed, key: keys.signing.refresh)
    }

    /// Whether this server issued it, with any of its keys, for the session with this seed. An attacker with an old key
    /// would also need the seed, and the tokens end with their session.
    package func isGenuine(_ token: RefreshToken, seed: [UInt8]) -> Bool {
        keys.all.contains { token.isGenuine(seed: seed, key: $0.refresh) }
    }
}
