package import Crypto

/// What `flow-manager doctor` sends to prove that it has the settings of this site: a time, random bytes and their
/// code, in base64url. It is valid for five minutes; who accepts it remembers its id, so that it works once.
package enum DoctorToken {
    /// In seconds.
    package static let lifetime: Int64 = 300
    /// How many seconds the clock of the issuer may be ahead.
    package static let tolerance: Int64 = 60

    private static let timeLength = 8
    private static let nonceLength = 16
    private static let codeLength = 32

    /// - Parameters:
    ///   - now: in seconds since 1970.
    ///   - key: a key of this purpose alone.
    package static func make(now: Int64, key: HMACSHA256) -> String {
        let content =
            (0..<timeLength).map { UInt8(truncatingIfNeeded: now >> (56 - 8 * $0)) }
            + SecureRandom.bytes(nonceLength)
        return Base64URL.encode(content + key.code(for: content))
    }

    /// The id of the token, which no other token has; nil unless it is genuine and still valid.
    package static func id(of text: String, now: Int64, key: HMACSHA256) -> UInt64? {
        guard text.utf8.count < 100, let bytes = Base64URL.decode(text.utf8),
            bytes.count == timeLength + nonceLength + codeLength
        else { return nil }
        let content = bytes.dropLast(codeLength)
        guard key.isValid(Array(bytes.suffix(codeLength)), for: content) else { return nil }
        let (age, overflows) = now.subtractingReportingOverflow(Int64(bitPattern: number(bytes.prefix(timeLength))))
        guard !overflows, age >= -tolerance, age < lifetime else { return nil }
        return number(bytes.suffix(codeLength).prefix(8))
    }

    private static func number(_ bytes: some Sequence<UInt8>) -> UInt64 { bytes.reduce(0) { $0 << 8 | UInt64($1) } }
}
