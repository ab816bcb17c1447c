import Crypto
import Dispatch
import JSON
import Testing
import Tokens

/// A public key, a signed message and its signature from a specification.
struct SignatureExample: Sendable, CustomTestStringConvertible {
    let source: String
    let algorithm: SignatureAlgorithm
    /// The text of the JSON Web Key.
    let jwk: String
    let message: String
    /// In base64url.
    let signature: String

    var testDescription: String { source }

    func key() throws -> PublicKey {
        try #require(PublicKey(jwk: try JSON(parsing: Array(jwk.utf8))))
    }

    func signatureBytes() throws -> [UInt8] {
        try #require(Base64URL.decode(signature.utf8))
    }

    static let rsa = SignatureExample(
        source: "RFC 7515, A.2", algorithm: .rs256,
        jwk: """
            {"kty":"RSA","n":"\
            ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4Ql\
            L-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUs\
            LA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoud\
            F8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ","e":"AQAB"}
            """,
        message: """
            eyJhbGciOiJSUzI1NiJ9.\
            eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ
            """,
        signature: """
            cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujG\
            bds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K\
            0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6\
            LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw
            """)

    static let cookbook = SignatureExample(
        source: "RFC 7520, 4.1", algorithm: .rs256,
        jwk: """
            {"kty":"RSA","kid":"bilbo.baggins@hobbiton.example","use":"sig","n":"\
            n4EPtAOCc9AlkeQHPzHStgAbgs7bTZLwUBZdR8_KuKPEHLd4rHVTeT-O-XV2jRojdNhxJWTDvNd7nqQ0VEiZQHz_AJmSCpMa\
            JMRBSFKrKb2wqVwGU_NsYOYL-QtiWN2lbzcEe6XC0dApr5ydQLrHqkHHig3RBordaZ6Aj-oBHqFEHYpPe7Tpe-OfVfHd1E6c\
            S6M1FZcD1NNLYD5lFHpPI9bTwJlsde3uhGqC0ZCuEHg8lhzwOHrtIQbS0FVbb9k3-tVTU4fg_3L_vniUFAKwuCLqKnS2BYwd\
            q_mzSnbLY7h_qixoR7jig3__kRhuaxwUkRz5iaiQkqgc5gHdrNP5zw","e":"AQAB"}
            """,
        message: """
            eyJhbGciOiJSUzI1NiIsImtpZCI6ImJpbGJvLmJhZ2dpbnNAaG9iYml0b24uZXhhbXBsZSJ9.\
            SXTigJlzIGEgZGFuZ2Vyb3VzIGJ1c2luZXNzLCBGcm9kbywgZ29pbmcgb3V0IHlvdXIgZG9vci4gWW91IHN0ZXAgb250byB0\
            aGUgcm9hZCwgYW5kIGlmIHlvdSBkb24ndCBrZWVwIHlvdXIgZmVldCwgdGhlcmXigJlzIG5vIGtub3dpbmcgd2hlcmUgeW91\
            IG1pZ2h0IGJlIHN3ZXB0IG9mZiB0by4
            """,
        signature: """
            MRjdkly7_-oTPTS3AXP41iQIGKa80A0ZmTuV5MEaHoxnW2e5CZ5NlKtainoFmKZopdHM1O2U4mwzJdQx996ivp83xuglII7P\
            NDi84wnB-BDkoBwA78185hX-Es4JIwmDLJK3lfWRa-XtL0RnltuYv746iYTh_qHRD68BNt1uSNCrUCTJDt5aAE6x8wW1Kt9e\
            Ro4QPocSadnHXFxnt8Is9UzpERV0ePPQdLuW3IS_de3xyIrDaLGdjluPxUAhb6L2aXic1U12podGU0KLUQSE_oI-ZnmKJ3F4\
            uOZDnd6QZWJushZ41Axf_fcIe8u9ipH84ogoree7vjbU5y18kDquDg
            """)

    static let p256 = SignatureExample(
        source: "RFC 7515, A.3", algorithm: .es256,
        jwk: """
            {"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",\
            "y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}
            """,
        message: """
            eyJhbGciOiJFUzI1NiJ9.\
            eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ
            """,
        signature: "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q")

    static let ed25519 = SignatureExample(
        source: "RFC 8037, A.4", algorithm: .edDSA,
        jwk: #"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#,
        message: "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc",
        signature: "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg")

    static let all = [rsa, cookbook, p256, ed25519]
}

@Suite struct PublicKeyTests {
    @Test(arguments: SignatureExample.all)
    func verifiesTheExamplesOfTheSpecifications(example: SignatureExample) throws {
        let key = try example.key()
        #expect(key.algorithm == example.algorithm)
        #expect(key.isValid(signature: try example.signatureBytes(), message: example.message.utf8))
    }

    @Test(arguments: SignatureExample.all)
    func refusesSignaturesWithAChangedBit(example: SignatureExample) throws {
        let key = try example.key()
        let signature = try example.signatureBytes()
        for position in signature.indices {
            var changed = signature
            changed[position] ^= 1 << UInt8(position % 8)
            #expect(!key.isValid(signature: changed, message: example.message.utf8))
        }
    }

    @Test(arguments: SignatureExample.all)
    func refusesOtherMessages(example: SignatureExample) throws {
        let key = try example.key()
        let signature = try example.signatureBytes()
        for message in [
            "", example.message + "A", String(example.message.dropLast()), "f" + example.message.dropFirst(),
        ] {
            #expect(!key.isValid(signature: signature, message: message.utf8))
        }
    }

    @Test(arguments: SignatureExample.all)
    func refusesSignaturesOfAnotherLength(example: SignatureExample) throws {
        let key = try example.key()
        let signature = try example.signatureBytes()
        let others: [[UInt8]] = [
            [], [0], signature.dropLast(), Array(signature.dropFirst()), signature + [0], [0] + signature,
            signature + signature, [UInt8](repeating: 0, count: 100_000),
        ]
        for other in others { #expect(!key.isValid(signature: other, message: example.message.utf8)) }
    }

    @Test(arguments: SignatureExample.all)
    func refusesSignaturesOfOtherKeys(example: SignatureExample) throws {
        let key = try example.key()
        for other in SignatureExample.all where other.source != example.source {
            #expect(!key.isValid(signature: try other.signatureBytes(), message: other.message.utf8))
        }
        #expect(!key.isValid(signature: [UInt8](repeating: 0, count: 256), message: example.message.utf8))
    }

    /// r and s must be at least 1 and less than the order of the curve.
    @Test func refusesECDSANumbersOutOfRange() throws {
        let example = SignatureExample.p256
        let key = try example.key()
        let signature = try example.signatureBytes()
        let zero = [UInt8](repeating: 0, count: 32)
        let one: [UInt8] = zero.dropLast() + [1]
        let order = try #require(Base64URL.decode("_____wAAAAD__________7zm-q2nF56E87nKwvxjJVE".utf8))
        let top = [UInt8](repeating: 0xff, count: 32)
        for number in [zero, one, order, top] {
            #expect(!key.isValid(signature: number + signature[32...], message: example.message.utf8))
            #expect(!key.isValid(signature: signature[..<32] + number, message: example.message.utf8))
            #expect(!key.isValid(signature: number + number, message: example.message.utf8))
        }
    }

    /// Signatures of the key of the example in which r begins with one or two zero bytes, s begins with a zero byte, or
    /// r begins with only its highest bit set: DER encodes these numbers in 30 to 33 bytes.
    @Test(arguments: [
        "AN02QJfDKFZzdiRdQ4q5NF1a4aCWcEf7PQuZfLls_oZxCFG7V9emtXNsyuV20aq6p-E2JDJse3ZzYlYvDJay_g",
        "AABvnKLXWQxUZhlQSy2LRnt4uJrYeQH9vY3f-28HMqkvtffGDTEQZbnoBciK9cqFCabP4lhWk_p6oyqsl7FXKQ",
        "J1dX1TivdUCnB2_SePFygJ494SBKpi60ZwOqgouCKTMAfogethXk_FPlMJmCbSZV9YE95QCqvsGfNfrjHQC9mw",
        "gPlF0SVJnmd5hpS0G9F2HCBlgnQnt52pxM8F8hOV9lLObKZtpTPI0swZfDSmyR9CJghqUImTECnB1HXO4eMuJQ",
    ])
    func acceptsECDSANumbersOfAnyDERLength(signature: String) throws {
        let bytes = try #require(Base64URL.decode(signature.utf8))
        #expect(try SignatureExample.p256.key().isValid(signature: bytes, message: "message".utf8))
    }

    /// The same signature in DER, which JWS does not use.
    @Test func refusesECDSAInDER() throws {
        let signature = try SignatureExample.p256.signatureBytes()
        let der = [0x30, 69, 2, 32] + signature[..<32] + [2, 33, 0] + signature[32...]
        #expect(!(try SignatureExample.p256.key()).isValid(signature: der, message: SignatureExample.p256.message.utf8))
    }

    @Test(arguments: SignatureExample.all)
    func aKeyIsThreadSafe(example: SignatureExample) throws {
        let key = try example.key()
        let signature = try example.signatureBytes()
        DispatchQueue.concurrentPerform(iterations: 32) { index in
            for _ in 0..<20 {
                #expect(key.isValid(signature: signature, message: example.message.utf8))
                #expect(!key.isValid(signature: signature, message: [UInt8(index)]))
            }
        }
    }
}
