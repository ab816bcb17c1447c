import Crypto
import System

/// Time-based one-time passwords (RFC 6238) as every authenticator app shows them: HMAC-SHA-1, six digits, a new code
/// each 30 seconds.
package struct TOTP: Sendable {
    /// The length of a new secret, in bytes: that of the digest (RFC 4226, section 4, R6).
    private static let secretLength = 20
    /// How long a code is shown, in seconds.
    package static let period: Int64 = 30

    /// The number of steps by which the app's clock may be off and the code late (RFC 6238, section 5.2).
    private static let window: Int64 = 1

    private let secret: [UInt8]

    /// - Parameter secret: shared with the app; at least 16 bytes (RFC 4226, section 4, R6).
    package init(secret: [UInt8]) {
        precondition(secret.count >= 16, "the secret of one-time passwords has at least 128 bits")
        self.secret = secret
    }

    package static func makeSecret() -> [UInt8] { SecureRandom.bytes(secretLength) }

    /// The code that an app shows at `time`, in seconds since 1970.
    package func code(at time: Int64) -> String {
        String(decoding: code(step: time / Self.period), as: UTF8.self)
    }

    /// The time step of this code, among those near `time`, in seconds since 1970; nil if it matches none.
    ///
    /// A code is used only once if the caller stores the step and refuses any that is not later than the last one
    /// stored, both in one statement (RFC 6238, section 5.2). Of two steps with the same code the later counts:
    /// otherwise the code would be valid again at the later one.
    ///
    /// - Parameter code: as typed; spaces are ignored, since apps show them.
    package func matchingStep(_ code: String, at time: Int64) -> Int64? {
        let typed = code.utf8.filter { $0 != UInt8(ascii: " ") }
        let now = time / Self.period
        var match: Int64?
        // Always over the whole window: the time must not reveal how near a guess was.
        for step in (now - Self.window)...(now + Self.window)
        where constantTimeEquals(self.code(step: step).span, typed.span) {
            match = step
        }
        return match
    }

    /// The content of a QR code for an authenticator app: `otpauth://totp/Issuer:account?secret=…`.
    ///
    /// It contains the secret, so it is shown once and never logged. Apps split the label at the first colon, so the
    /// issuer should contain none.
    package func uri(issuer: String, account: String) -> String {
        let issuer = Self.percentEncoded(issuer)
        return "otpauth://totp/\(issuer):\(Self.percentEncoded(account))"
            + "?secret=\(Base32.encode(secret))&issuer=\(issuer)&algorithm=SHA1&digits=6&period=\(Self.period)"
    }

    /// Six ASCII digits: the truncated code of the counter (RFC 4226, section 5.3).
    private func code(step: Int64) -> [UInt8] {
        // Most significant byte first.
        let counter = (0..<8).map { UInt8(truncatingIfNeeded: step >> (56 - 8 * $0)) }
        let code = HMACSHA1.code(for: counter, key: secret)
        let offset = Int(code[19] & 0xF)
        let word = code[offset..<offset + 4].reduce(0) { $0 << 8 | UInt32($1) } & 0x7FFF_FFFF
        var digits = [UInt8](repeating: 0, count: 6)
        var rest = word
        for position in digits.indices.reversed() {
            digits[position] = UInt8(ascii: "0") + UInt8(rest % 10)
            rest /= 10
        }
        return digits
    }

    /// Escapes all but the unreserved characters (RFC 3986, section 2.3).
    private static func percentEncoded(_ text: String) -> String {
        let encoded = text.utf8.flatMap { byte -> [UInt8] in
            switch byte {
            case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
                UInt8(ascii: "~"):
                [byte]
            default: Array("%\(Hexadecimal.encode([byte]).uppercased())".utf8)
            }
        }
        return String(decoding: encoded, as: UTF8.self)
    }
}
