import Crypto
import JSON
import Testing
import Tokens

/// Examples of specifications that are valid but must be refused here. Examples that must be accepted are in
/// `TokenIssuerTests`, `PublicKeyTests` and `TOTPTests`.
@Suite struct SpecificationTests {
    /// The key of RFC 7515, appendix A.1, which signs the token of RFC 7519, section 3.1.
    private static let key =
        "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"
    private static let claims =
        "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
    /// The sentence that RFC 7520, section 4 signs with every algorithm.
    private static let sentence = """
        SXTigJlzIGEgZGFuZ2Vyb3VzIGJ1c2luZXNzLCBGcm9kbywgZ29pbmcgb3V0IHlvdXIgZG9vci4gWW91IHN0ZXAgb250byB0\
        aGUgcm9hZCwgYW5kIGlmIHlvdSBkb24ndCBrZWVwIHlvdXIgZmVldCwgdGhlcmXigJlzIG5vIGtub3dpbmcgd2hlcmUgeW91\
        IG1pZ2h0IGJlIHN3ZXB0IG9mZiB0by4
        """

    private func bytes(_ text: String) throws -> [UInt8] { try #require(Base64URL.decode(text.utf8)) }

    private func jwk(_ text: String) throws -> JSON { try JSON(parsing: Array(text.utf8)) }

    /// RFC 7519, sections 3.1 and 6.1. A JWT of another type is not an access token (RFC 8725, section 3.11), even if
    /// it is signed with the right key; an unsigned one is never valid.
    @Test func refusesOtherTypesOfTokens() throws {
        let header = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9"
        let code = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
        let secret = try bytes(Self.key)
        #expect(HMACSHA256(key: secret).isValid(try bytes(code), for: "\(header).\(Self.claims)".utf8))
        let issuer = TokenIssuer(keys: try TokenKeys(secret: secret), issuer: "joe", audience: "")
        for token in ["\(header).\(Self.claims).\(code)", "eyJhbGciOiJub25lIn0.\(Self.claims)."] {
            #expect(throws: TokenError.invalid) { try issuer.verify(token, now: 1_300_819_000) }
        }
    }

    /// RFC 7520, section 4.2: PS384. The key verifies RS256 and refuses signatures of another algorithm.
    @Test func refusesOtherPaddingsOfRSA() throws {
        let example = SignatureExample.cookbook
        let message = "eyJhbGciOiJQUzM4NCIsImtpZCI6ImJpbGJvLmJhZ2dpbnNAaG9iYml0b24uZXhhbXBsZSJ9." + Self.sentence
        let signature = """
            cu22eBqkYDKgIlTpzDXGvaFfz6WGoz7fUDcfT0kkOy42miAh2qyBzk1xEsnk2IpN6-tPid6VrklHkqsGqDqHCdP6O8TTB5dD\
            DItllVo6_1OLPpcbUrhiUSMxbbXUvdvWXzg-UD8biiReQFlfz28zGWVsdiNAUf8ZnyPEgVFn442ZdNqiVJRmBqrYRXe8P_ij\
            Q7p8Vdz0TTrxUeT3lm8d9shnr2lfJT8ImUjvAA2Xez2Mlp8cBE5awDzT0qI0n6uiP1aCN_2_jLAeQTlqRHtfa64QQSUmFAAj\
            VKPbByi7xho0uTOcbH510a6GYmJUAfmWjwZ6oD4ifKo8DYM-X72Eaw
            """
        #expect(try bytes(signature).count == 256)
        #expect(try !example.key().isValid(signature: try bytes(signature), message: message.utf8))
        var members = try #require(try jwk(example.jwk).objectValue)
        members["alg"] = "PS384"
        #expect(PublicKey(jwk: .object(members)) == nil)
    }

    /// RFC 7520, section 4.3: ES512, with a curve that is not supported.
    @Test func refusesOtherCurves() throws {
        let coordinates = [
            "AHKZLLOsCOzz5cY97ewNUajB957y-C-U88c3v13nmGZx6sYl_oJXu9A5RkTKqjqvjyekWF-7ytDyRXYgCF5cj0Kt",
            "AdymlHvOiLxXkEhayXQnNCvDX4h9htZaCJN34kfmC6pV5OhQHiraVySsUdaQkAgDPrwQrJmbnX9cwlGfP-HqHZR1",
        ]
        for curve in ["P-521", "P-256"] {
            let text = #"{"kty":"EC","crv":"\#(curve)","x":"\#(coordinates[0])","y":"\#(coordinates[1])"}"#
            #expect(PublicKey(jwk: try jwk(text)) == nil)
        }
        let message = "eyJhbGciOiJFUzUxMiIsImtpZCI6ImJpbGJvLmJhZ2dpbnNAaG9iYml0b24uZXhhbXBsZSJ9." + Self.sentence
        let signature = """
            AE_R_YZCChjn4791jSQCrdPZCNYqHXCTZH0-JZGYNlaAjP2kqaluUIIUnC9qvbu9Plon7KRTzoNEuT4Va2cmL1eJAQy3mtPB\
            u_u_sDDyYjnAMDxXPn7XrT0lw-kvAD890jl8e2puQens_IEKBpHABlsbEPX6sFY8OcGDqoRuBomu9xQ2
            """
        for example in SignatureExample.all {
            #expect(try !example.key().isValid(signature: try bytes(signature), message: message.utf8))
        }
    }

    /// RFC 7520, section 4.4: HS256, but with the id of an unknown key.
    @Test func computesTheCodeOfTheCookbook() throws {
        let header = "eyJhbGciOiJIUzI1NiIsImtpZCI6IjAxOGMwYWU1LTRkOWItNDcxYi1iZmQ2LWVlZjMxNGJjNzAzNyJ9"
        let code = "s0h6KThzkfBBBkLspW1h84VsJZFTsPPqMDA7g1Md7p0"
        let secret = try bytes("hJtXIZ2uSN5kbQfbtTNWbpdmhkV8FJG-Onbc6mxCcYg")
        let message = "\(header).\(Self.sentence)"
        #expect(Base64URL.encode(HMACSHA256(key: secret).code(for: message.utf8)) == code)
        let issuer = TokenIssuer(keys: try TokenKeys(secret: secret), issuer: "", audience: "")
        #expect(throws: TokenError.invalid) { try issuer.verify("\(message).\(code)", now: 0) }
        // The secret of an HMAC is not accepted as a public key, nor its code as a signature.
        #expect(PublicKey(jwk: try jwk(#"{"kty":"oct","k":"hJtXIZ2uSN5kbQfbtTNWbpdmhkV8FJG-Onbc6mxCcYg"}"#)) == nil)
        for example in SignatureExample.all {
            #expect(try !example.key().isValid(signature: try bytes(code), message: message.utf8))
        }
    }
}
