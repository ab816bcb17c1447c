import Testing
import Tokens

@Suite struct RefreshTokenTests {
    private static let session = "017f22e2-79b0-7cc3-98c4-dc0c0c073990"
    private static let seed = [UInt8](repeating: 7, count: 16)
    private let issuer: TokenIssuer
    private let text: String

    init() throws {
        issuer = try Self.issuer(secret: 0x5a)
        text = issuer.refreshToken(session: Self.session, number: 41, seed: Self.seed).text
    }

    private static func issuer(secret: UInt8, previous: UInt8? = nil) throws -> TokenIssuer {
        TokenIssuer(
            keys: try TokenKeys(
                secret: Array(repeating: secret, count: 32),
                previous: previous.map { Array(repeating: $0, count: 32) }),
            issuer: "flow-manager", audience: "api")
    }

    @Test func parsesItsOwnText() throws {
        let token = try #require(RefreshToken(text))
        #expect(token.session == Self.session)
        #expect(token.number == 41)
        #expect(issuer.isGenuine(token, seed: Self.seed))
        #expect(issuer.refreshToken(session: Self.session, number: 41, seed: Self.seed).text == text)
    }

    @Test func dependsOnNumberSeedAndKey() throws {
        let other = issuer.refreshToken(session: Self.session, number: 42, seed: Self.seed)
        #expect(other.text.split(separator: ".")[2] != text.split(separator: ".")[2])
        let token = try #require(RefreshToken(text))
        #expect(!issuer.isGenuine(token, seed: [UInt8](repeating: 8, count: 16)))
        #expect(!issuer.isGenuine(token, seed: []))
        #expect(try !Self.issuer(secret: 0x5b).isGenuine(token, seed: Self.seed))
        #expect(try Self.issuer(secret: 0x5b, previous: 0x5a).isGenuine(token, seed: Self.seed))
    }

    /// Every change of one character makes the token unreadable or its code invalid.
    @Test func refusesAnyChangedCharacter() throws {
        let bytes = Array(text.utf8)
        for position in bytes.indices {
            for replacement in [UInt8(ascii: "0"), UInt8(ascii: "A"), UInt8(ascii: "."), bytes[position] ^ 0x20] {
                guard replacement != bytes[position] else { continue }
                var changed = bytes
                changed[position] = replacement
                guard let token = RefreshToken(String(decoding: changed, as: UTF8.self)) else { continue }
                #expect(!issuer.isGenuine(token, seed: Self.seed), "\(String(decoding: changed, as: UTF8.self))")
            }
        }
    }

    @Test(arguments: ["", "fmr_", "fmr_a.b.c", "fmr_..", "fmr_017f22e2-79b0-7cc3-98c4-dc0c0c073990.041.", "Bearer x"])
    func refusesMalformedTokens(text: String) { #expect(RefreshToken(text) == nil) }

    @Test func refusesNonCanonicalNumbers() {
        let parts = text.split(separator: ".")
        for number in ["041", "+41", "-1", "4_1", "41 ", "", "2147483647", "99999999999999999999"] {
            #expect(RefreshToken("\(parts[0]).\(number).\(parts[2])") == nil, "\(number)")
        }
    }
}
