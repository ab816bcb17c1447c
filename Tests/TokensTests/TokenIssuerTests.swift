import Crypto
import JSON
import Testing
import Tokens

/// The fixture of all token tests: an issuer, claims that it signs, and a forger that knows the key.
struct Forge {
    static let now: Int64 = 1_700_000_000
    static let secret = [UInt8](repeating: 0x5a, count: 32)
    static let claims = Claims(
        subject: "017f22e2-79b0-7cc3-98c4-dc0c0c07398f", session: "017f22e2-79b0-7cc3-98c4-dc0c0c073990",
        issuedAt: now, notBefore: now, expires: now + 1800)

    let issuer: TokenIssuer
    let genuine: String
    /// The id of the signing key, from a genuine token.
    let keyID: String

    init() throws {
        issuer = TokenIssuer(keys: try TokenKeys(secret: Self.secret), issuer: "flow-manager", audience: "api")
        genuine = issuer.sign(Self.claims)
        let header = try #require(Base64URL.decode(genuine.utf8.prefix { $0 != UInt8(ascii: ".") }))
        keyID = try #require(try JSON(parsing: header)["kid"]?.stringValue)
    }

    /// A token of any header and payload with a genuine signature; `KEY` in the header becomes the key's id.
    func token(header: String? = nil, payload: String? = nil, secret: [UInt8] = secret) -> String {
        var (header, payload) = (header, payload)
        if header == nil { header = #"{"alg":"HS256","typ":"at+jwt","kid":"KEY"}"# }
        if payload == nil { payload = Self.payload() }
        let named = (header ?? "").split(separator: "KEY", omittingEmptySubsequences: false).joined(separator: keyID)
        let message = Base64URL.encode(named.utf8) + "." + Base64URL.encode((payload ?? "").utf8)
        return message + "." + Base64URL.encode(HMACSHA256(key: secret).code(for: message.utf8))
    }

    /// The text of a valid payload with one member replaced by another text, or removed if it is nil.
    static func payload(_ changed: String = "", _ text: String? = nil) -> String {
        let members = [
            ("iss", #""flow-manager""#), ("aud", #""api""#), ("sub", "\"\(claims.subject)\""),
            ("sid", "\"\(claims.session)\""), ("iat", "\(now)"), ("nbf", "\(now)"), ("exp", "\(now + 1800)"),
        ]
        let written = members.compactMap { name, value -> String? in
            name == changed ? text.map { "\"\(name)\":\($0)" } : "\"\(name)\":\(value)"
        }
        return "{" + written.joined(separator: ",") + "}"
    }

    func expectRefused(
        _ token: String, _ error: TokenError = .invalid, at now: Int64 = now,
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        #expect(throws: error, sourceLocation: sourceLocation) { try issuer.verify(token, now: now) }
    }
}

@Suite struct TokenIssuerTests {
    let forge: Forge

    init() throws { forge = try Forge() }

    @Test func verifiesItsOwnTokens() throws {
        #expect(try forge.issuer.verify(forge.genuine, now: Forge.now) == Forge.claims)
        let header = try #require(Base64URL.decode(forge.genuine.utf8.prefix { $0 != UInt8(ascii: ".") }))
        #expect(
            String(decoding: header, as: UTF8.self)
                == #"{"alg":"HS256","typ":"at+jwt","kid":"\#(forge.keyID)"}"#)
    }

    /// The cache of verified tokens does not skip the check of the times.
    @Test func cachedTokensExpire() throws {
        #expect(try forge.issuer.verify(forge.genuine, now: Forge.now) == Forge.claims)
        forge.expectRefused(forge.genuine, .expired, at: Forge.now + 1830)
        forge.expectRefused(forge.genuine, .invalid, at: Forge.now - 31)
        #expect(try forge.issuer.verify(forge.genuine, now: Forge.now) == Forge.claims)
    }

    /// U+212A is canonically equivalent to the letter K.
    @Test func cachedTokensAreComparedByBytes() throws {
        #expect(try forge.issuer.verify(forge.genuine, now: Forge.now) == Forge.claims)
        let position = try #require(forge.genuine.firstIndex(of: "K"))
        var spelt = forge.genuine
        spelt.replaceSubrange(position...position, with: "\u{212A}")
        #expect(spelt == forge.genuine)
        forge.expectRefused(spelt)
    }

    @Test func verifiesMoreTokensThanTheCacheHolds() throws {
        let all = (0..<1_500).map { number in
            var claims = Forge.claims
            claims.expires += Int64(number)
            return claims
        }
        let tokens = all.map(forge.issuer.sign)
        for _ in 0..<2 {
            for (claims, token) in zip(all, tokens) {
                #expect(try forge.issuer.verify(token, now: Forge.now) == claims)
            }
        }
    }

    /// Checks the forger itself: tokens without a flaw are accepted.
    @Test func acceptsEquivalentEncodings() throws {
        let headers = [
            #"{"kid":"KEY","typ":"at+jwt","alg":"HS256"}"#, #" { "alg":"HS256","typ":"at+jwt","kid":"KEY","x":1}"#,
        ]
        for header in headers {
            #expect(try forge.issuer.verify(forge.token(header: header), now: Forge.now) == Forge.claims)
        }
        let fraction = forge.token(payload: Forge.payload("exp", "\(Forge.now + 1800).0"))
        #expect(try forge.issuer.verify(fraction, now: Forge.now) == Forge.claims)
    }

    /// RFC 7515, appendix A.1: its key, its signing input, its signature.
    @Test func signaturesEqualThoseOfTheSpecification() throws {
        let key = try #require(
            Base64URL.decode(
                "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow".utf8))
        let message = """
            eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9\
            .eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ
            """
        let code = HMACSHA256(key: key).code(for: message.utf8)
        #expect(Base64URL.encode(code) == "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk")
    }

    @Test func tokensAreValidWithinTheirTimesAndTheLeeway() throws {
        let (start, end) = (Forge.now, Forge.now + 1800)
        for now in [start - 30, start, end - 1, end, end + 29] {
            #expect(try forge.issuer.verify(forge.genuine, now: now) == Forge.claims)
        }
        forge.expectRefused(forge.genuine, at: start - 31)
        forge.expectRefused(forge.genuine, .expired, at: end + 30)
        forge.expectRefused(forge.genuine, .expired, at: end + 1_000_000)
    }

    @Test func aPreviousKeyVerifiesUntilItIsRemoved() throws {
        let next = [UInt8](repeating: 0xa5, count: 32)
        let rotated = TokenIssuer(
            keys: try TokenKeys(secret: next, previous: Forge.secret), issuer: "flow-manager", audience: "api")
        #expect(try rotated.verify(forge.genuine, now: Forge.now) == Forge.claims)
        #expect(try rotated.verify(rotated.sign(Forge.claims), now: Forge.now) == Forge.claims)
        forge.expectRefused(rotated.sign(Forge.claims), .unknownKey)

        let withoutPrevious = TokenIssuer(keys: try TokenKeys(secret: next), issuer: "flow-manager", audience: "api")
        #expect(throws: TokenError.unknownKey) { try withoutPrevious.verify(forge.genuine, now: Forge.now) }
    }

    /// The keys that follow the one of the settings sign one after the other. The signing key, its predecessor and its
    /// successors verify.
    @Test func predecessorAndSuccessorsOfTheSigningKeyVerify() throws {
        let settings = try TokenKeys(secret: Forge.secret)
        let secrets = (1...3).map { [UInt8](repeating: $0, count: 32) }
        func issuer(_ signing: Int) throws -> TokenIssuer {
            TokenIssuer(
                keys: try settings.followed(by: secrets, signing: signing), issuer: "flow-manager", audience: "api")
        }
        let tokens = try (0...3).map { try issuer($0).sign(Forge.claims) }
        #expect(tokens[0] == forge.genuine)
        #expect(Set(tokens).count == 4)
        for signing in 0...3 {
            for (position, token) in tokens.enumerated() {
                let issuer = try issuer(signing)
                if position >= signing - 1 {
                    #expect(try issuer.verify(token, now: Forge.now) == Forge.claims)
                } else {
                    #expect(throws: TokenError.invalid) { try issuer.verify(token, now: Forge.now) }
                }
            }
        }
    }

    @Test func adoptedKeysReplaceOlderOnes() throws {
        let settings = try TokenKeys(secret: Forge.secret)
        let issuer = TokenIssuer(keys: settings, issuer: "flow-manager", audience: "api", untilAdoption: true)
        #expect(throws: TokenError.unknownKey) { try issuer.verify(forge.genuine, now: Forge.now) }
        issuer.adopt(settings, readAt: Forge.now)
        #expect(try issuer.verify(forge.genuine, now: Forge.now) == Forge.claims)

        let secrets = [[UInt8](repeating: 1, count: 32), [UInt8](repeating: 2, count: 32)]
        let others = try settings.followed(by: secrets, signing: 2)
        issuer.adopt(others, readAt: Forge.now - 1)
        #expect(try issuer.verify(forge.genuine, now: Forge.now) == Forge.claims, "older keys are not adopted")
        issuer.adopt(others, readAt: Forge.now + 1)
        #expect(throws: TokenError.invalid) { try issuer.verify(forge.genuine, now: Forge.now + 1) }
        #expect(try issuer.verify(issuer.sign(Forge.claims), now: Forge.now + 1) == Forge.claims)
    }

    /// Also when the clock is set back; the time of a request may be slightly earlier than that of the keys.
    @Test func adoptedKeysAreValidForAMinute() throws {
        let settings = try TokenKeys(secret: Forge.secret)
        let issuer = TokenIssuer(keys: settings, issuer: "flow-manager", audience: "api", untilAdoption: true)
        issuer.adopt(settings, readAt: Forge.now)
        for now in [Forge.now - 20, Forge.now + 59] {
            #expect(try issuer.verify(forge.genuine, now: now) == Forge.claims)
        }
        for now in [Forge.now - 61, Forge.now + 60] {
            #expect(throws: TokenError.unknownKey) { try issuer.verify(forge.genuine, now: now) }
        }
        issuer.adopt(settings, readAt: Forge.now - 3_600)
        #expect(issuer.keysReadAt == Forge.now - 3_600)
    }

    @Test func refusesWeakKeys() {
        let weak = [UInt8](repeating: 1, count: 31)
        #expect(throws: TokenKeyError.weakKey) { try TokenKeys(secret: weak) }
        #expect(throws: TokenKeyError.weakKey) { try TokenKeys(secret: Forge.secret, previous: weak) }
    }
}
