import Testing
import Tokens

/// Forged and malformed tokens. Most have a valid signature, so that the signature is not the reason for the refusal.
@Suite struct TokenAttackTests {
    let forge: Forge

    init() throws { forge = try Forge() }

    @Test(arguments: [
        // Algorithms: only `HS256`, case-sensitive.
        #"{"alg":"none","typ":"at+jwt","kid":"KEY"}"#, #"{"alg":"None","typ":"at+jwt","kid":"KEY"}"#,
        #"{"alg":"NONE","typ":"at+jwt","kid":"KEY"}"#, #"{"alg":"hs256","typ":"at+jwt","kid":"KEY"}"#,
        #"{"alg":"HS256 ","typ":"at+jwt","kid":"KEY"}"#, #"{"alg":"HS384","typ":"at+jwt","kid":"KEY"}"#,
        #"{"alg":"RS256","typ":"at+jwt","kid":"KEY"}"#, #"{"alg":"ES256","typ":"at+jwt","kid":"KEY"}"#,
        #"{"alg":["HS256"],"typ":"at+jwt","kid":"KEY"}"#, #"{"alg":null,"typ":"at+jwt","kid":"KEY"}"#,
        #"{"typ":"at+jwt","kid":"KEY"}"#, #"{"alg":"none","alg":"HS256","typ":"at+jwt","kid":"KEY"}"#,
        // Types: only access tokens.
        #"{"alg":"HS256","kid":"KEY"}"#, #"{"alg":"HS256","typ":"JWT","kid":"KEY"}"#,
        #"{"alg":"HS256","typ":"AT+JWT","kid":"KEY"}"#, #"{"alg":"HS256","typ":"rt+jwt","kid":"KEY"}"#,
        // Keys and extensions in the token.
        #"{"alg":"HS256","typ":"at+jwt","kid":"KEY","crit":["exp"]}"#,
        #"{"alg":"HS256","typ":"at+jwt","kid":"KEY","crit":[]}"#,
        #"{"alg":"HS256","typ":"at+jwt","kid":"KEY","jwk":{"kty":"oct","k":"Wlpa"}}"#,
        #"{"alg":"HS256","typ":"at+jwt","kid":"KEY","jku":"https://example.com/keys"}"#,
        #"{"alg":"HS256","typ":"at+jwt","kid":"KEY","x5u":"https://example.com/cert"}"#,
        #"{"alg":"HS256","typ":"at+jwt","kid":"KEY","x5c":["MIIB"]}"#,
        #"{"alg":"HS256","typ":"at+jwt","kid":"KEY","jwk":null}"#,
        // Key ids.
        #"{"alg":"HS256","typ":"at+jwt"}"#, #"{"alg":"HS256","typ":"at+jwt","kid":""}"#,
        #"{"alg":"HS256","typ":"at+jwt","kid":7}"#, #"{"alg":"HS256","typ":"at+jwt","kid":["KEY"]}"#,
        #"{"alg":"HS256","typ":"at+jwt","kid":"../../dev/null"}"#,
        #"{"alg":"HS256","typ":"at+jwt","kid":"' UNION SELECT 'x"}"#,
        #"{"alg":"HS256","typ":"at+jwt","kid":"KEY\u0000"}"#, #"{"alg":"HS256","typ":"at+jwt","kid":" KEY"}"#,
        #"{"alg":"HS256","typ":"at+jwt","kid":"\#(String(repeating: "k", count: 300))"}"#,
        #"{"alg":"HS256","typ":"at+jwt","kid":"\#(String(repeating: "k", count: 10_000))"}"#,
        // No valid header.
        "", "{", "[]", "\"HS256\"", "null", "{}",
    ])
    func refusesInvalidHeaders(header: String) {
        let token = forge.token(header: header)
        forge.expectRefused(token)
        forge.expectRefused(String(token.prefix { $0 != "." }) + String(forge.genuine.drop { $0 != "." }))
        // The same without a signature.
        forge.expectRefused(String(token.prefix(through: token.lastIndex(of: ".") ?? token.startIndex)))
    }

    @Test(
        arguments: [
            ("exp", nil), ("exp", "null"), ("exp", "\"\(Forge.now + 1800)\""), ("exp", "1e999"), ("exp", "NaN"),
            ("exp", "Infinity"), ("exp", "1.7000000015e9"), ("exp", "1e30"), ("exp", "18446744073709551615"),
            ("exp", "true"), ("exp", "[\(Forge.now + 1800)]"),
            ("nbf", nil), ("nbf", "\(Forge.now + 31)"), ("nbf", "9223372036854775807"), ("nbf", "\"0\""),
            ("iat", nil), ("iat", "\(Forge.now + 31)"), ("iat", "9223372036854775807"),
            ("iss", nil), ("iss", "\"\""), ("iss", "\"flow-manager/\""), ("iss", "\"Flow-Manager\""),
            ("iss", "[\"flow-manager\"]"),
            ("aud", nil), ("aud", "\"api2\""), ("aud", "\"ap\""), ("aud", "[\"api\"]"), ("aud", "[\"other\",\"api\"]"),
            ("sub", nil), ("sub", "\"\""), ("sub", "\"admin\""), ("sub", "1"),
            ("sub", "\"' OR 1=1 --\""), ("sub", "\"017f22e2-79b0-7cc3-98c4-dc0c0c07398f\\u0000\""),
            ("sid", nil), ("sid", "null"), ("sid", "\"session\""),
            ("sid", "\"\(Forge.claims.session)\",\"sub\":\"\(Forge.claims.session)\""),
        ] as [(String, String?)])
    func refusesInvalidClaims(name: String, text: String?) {
        forge.expectRefused(forge.token(payload: Forge.payload(name, text)))
    }

    @Test(arguments: ["0", "-1", "-9223372036854775808", "\(Forge.now - 30)"])
    func reportsExpiryAtAnyPastTime(text: String) {
        forge.expectRefused(forge.token(payload: Forge.payload("exp", text)), .expired)
    }

    @Test(arguments: ["", "{", "[]", "null", "{}", "\"x\"", "{}{}", "\u{FEFF}{}"])
    func refusesInvalidPayloads(payload: String) {
        forge.expectRefused(forge.token(payload: payload))
    }

    /// The reason of a refusal is reported only for tokens with a valid signature, issuer and audience.
    @Test func doesNotReportTheExpiryOfForeignTokens() {
        let other = [UInt8](repeating: 0x5b, count: 32)
        forge.expectRefused(forge.token(secret: other))
        forge.expectRefused(forge.token(payload: Forge.payload("exp", "0"), secret: other))
        forge.expectRefused(forge.token(payload: Forge.payload("exp", "0").replacing("\"api\"", with: "\"b\"")))
    }

    @Test func refusesMalformedTokens() {
        let parts = forge.genuine.split(separator: ".").map(String.init)
        let (header, payload, signature) = (parts[0], parts[1], parts[2])
        let malformed = [
            "", ".", "..", "...", header, "\(header).\(payload)", "\(header).\(payload).", ".\(payload).\(signature)",
            "\(header)..\(signature)", "\(header).\(payload).\(signature).", ".\(header).\(payload).\(signature)",
            "\(header).\(payload).\(signature).\(signature)", "\(header).\(payload).\(signature).a.b",
            "\(header).\(payload).\(signature)=", "\(header).\(payload)=.\(signature)",
            "\(header)=.\(payload).\(signature)", " \(forge.genuine)", "\(forge.genuine) ", "\(forge.genuine)\n",
            "\(header) .\(payload).\(signature)", "\(header).\n\(payload).\(signature)", "\(forge.genuine)\0",
            "\(header).\(payload).\(signature.dropLast())", "\(header).\(payload).\(signature)A",
            "\(header).\(signature).\(payload)", "Bearer \(forge.genuine)", "\(header),\(payload),\(signature)",
        ]
        for token in malformed { forge.expectRefused(token) }
    }

    @Test func refusesUnusedBitsThatAreSet() throws {
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
        let last = try #require(forge.genuine.last.flatMap { alphabet.firstIndex(of: $0) })
        for bits in 1...3 { forge.expectRefused(forge.genuine.dropLast() + String(alphabet[last ^ bits])) }
    }

    @Test func refusesAnyChangedCharacter() {
        let genuine = Array(forge.genuine.utf8)
        for position in genuine.indices {
            var changed = genuine
            changed[position] = changed[position] == UInt8(ascii: "A") ? UInt8(ascii: "B") : UInt8(ascii: "A")
            // A changed key id is reported as an unknown key.
            #expect(throws: TokenError.self) {
                try forge.issuer.verify(String(decoding: changed, as: UTF8.self), now: Forge.now)
            }
        }
    }

    @Test func refusesLongTokens() {
        let padded = Forge.payload("iss", "\"flow-manager\",\"x\":\"\(String(repeating: "x", count: 8192))\"")
        forge.expectRefused(forge.token(payload: padded))
        forge.expectRefused(String(repeating: "A", count: 1_000_000))
        forge.expectRefused(String(repeating: ".", count: 8192))
    }
}
