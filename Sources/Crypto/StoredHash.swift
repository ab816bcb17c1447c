import CSodium
import System

/// An argon2id hash, parsed from its PHC string, `$argon2id$v=19$m=19456,t=2,p=1$salt$digest`.
///
/// libsodium could check a password against the string itself, but it reports a lack of memory as a wrong password.
struct StoredHash {
    let cost: PasswordHasher.Cost
    private let salt: [UInt8]
    private let digest: [UInt8]

    /// Nil for anything that libsodium does not write: it uses one lane, 16 bytes of salt, 32 of digest.
    init?(_ text: String) {
        let fields = text.split(separator: "$", omittingEmptySubsequences: false)
        guard fields.count == 6, fields[0].isEmpty, fields[1] == "argon2id", fields[2] == "v=19" else { return nil }
        let parameters = fields[3].split(separator: ",")
        guard parameters.count == 3, parameters[2] == "p=1",
            parameters[0].hasPrefix("m="), let kibibytes = UInt32(parameters[0].dropFirst(2)), kibibytes >= 8,
            parameters[1].hasPrefix("t="), let passes = UInt32(parameters[1].dropFirst(2)), passes >= 1,
            let salt = Self.bytes(fields[4]), salt.count == crypto_pwhash_SALTBYTES,
            let digest = Self.bytes(fields[5]), digest.count == 32
        else { return nil }
        cost = PasswordHasher.Cost(passes: Int(passes), kibibytes: Int(kibibytes))
        self.salt = salt
        self.digest = digest
    }

    private init(cost: PasswordHasher.Cost, salt: [UInt8], digest: [UInt8]) {
        self.cost = cost
        self.salt = salt
        self.digest = digest
    }

    /// A hash that costs as much to check as any other of that cost, and that no known password has.
    static func ofNoPassword(at cost: PasswordHasher.Cost) -> StoredHash {
        StoredHash(
            cost: cost, salt: SecureRandom.bytes(Int(crypto_pwhash_SALTBYTES)), digest: SecureRandom.bytes(32))
    }

    /// Whether the password has this hash; nil if there is not enough memory.
    func matches(_ password: [UInt8]) -> Bool? {
        var computed = [UInt8](repeating: 0, count: digest.count)
        let status = unsafe crypto_pwhash(
            &computed, UInt64(computed.count), password, UInt64(password.count), salt, cost.passes, cost.bytes,
            crypto_pwhash_ALG_ARGON2ID13)
        return status == 0 ? constantTimeEquals(computed.span, digest.span) : nil
    }

    /// PHC strings use the standard base64 alphabet (RFC 4648, section 4).
    private static func bytes(_ text: Substring) -> [UInt8]? {
        Base64URL.decode(
            text.utf8.map { byte in
                switch byte {
                case UInt8(ascii: "+"): UInt8(ascii: "-")
                case UInt8(ascii: "/"): UInt8(ascii: "_")
                default: byte
                }
            })
    }
}
