import Crypto
import Dispatch
import Testing
import Tokens

@Suite struct TOTPTests {
    let totp = TOTP(secret: Array("12345678901234567890".utf8))

    /// RFC 6238, appendix B, the SHA-1 rows: the last six of its eight digits.
    @Test(arguments: [
        (59, "287082"), (1_111_111_109, "081804"), (1_111_111_111, "050471"), (1_234_567_890, "005924"),
        (2_000_000_000, "279037"), (20_000_000_000, "353130"),
    ])
    func codesEqualThoseOfRFC6238(time: Int64, code: String) {
        #expect(totp.code(at: time) == code)
        #expect(totp.matchingStep(code, at: time) == time / 30)
    }

    /// RFC 4226, appendix D: the counter is the time step.
    @Test func codesEqualThoseOfRFC4226() {
        let codes = [
            "755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871", "520489",
        ]
        for (step, code) in codes.enumerated() {
            #expect(totp.code(at: Int64(step) * 30) == code)
            #expect(totp.code(at: Int64(step) * 30 + 29) == code)
        }
    }

    @Test func aCodeIsValidOneStepEarlyAndOneLate() {
        let time: Int64 = 1_700_000_010
        let step = time / 30
        for (offset, expected) in [(-60, nil), (-30, step - 1), (0, step), (30, step + 1), (60, nil)]
            as [(Int64, Int64?)]
        {
            #expect(totp.matchingStep(totp.code(at: time + offset), at: time) == expected)
        }
    }

    /// The steps 910737 and 910738 of this secret have the same code: after its use in the first step, it must not be
    /// valid again in the second.
    @Test(arguments: [27_322_110, 27_322_140] as [Int64])
    func aCodeOfTwoStepsMatchesTheLater(time: Int64) {
        #expect(totp.code(at: time) == "911617")
        #expect(totp.matchingStep("911617", at: time) == 910_738)
    }

    @Test func spacesAreIgnored() {
        #expect(totp.matchingStep("287 082", at: 59) == 1)
        #expect(totp.matchingStep(" 287082 ", at: 59) == 1)
    }

    @Test(arguments: [
        "", "287083", "28708", "2870820", "0287082", "94287082", "28708a", "-287082", "287082\0", "287.082",
        "２８７０８２", "287082\n", "٢٨٧٠٨٢", String(repeating: "2", count: 10_000),
    ])
    func refusesOtherTexts(code: String) {
        #expect(totp.matchingStep(code, at: 59) == nil)
    }

    @Test func extremeTimesAreAccepted() {
        #expect(totp.matchingStep(totp.code(at: 0), at: 0) == 0)
        for time in [Int64.min, -1, Int64.max] {
            #expect(totp.matchingStep(totp.code(at: time), at: time) == time / 30)
        }
    }

    @Test func secretsAreRandom() {
        #expect(TOTP.makeSecret().count == 20)
        #expect(TOTP.makeSecret() != TOTP.makeSecret())
    }

    @Test func theURIIsPercentEncoded() {
        #expect(
            totp.uri(issuer: "Flow Manager", account: "a+b@mail.example") == """
                otpauth://totp/Flow%20Manager:a%2Bb%40mail.example?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ\
                &issuer=Flow%20Manager&algorithm=SHA1&digits=6&period=30
                """)
        #expect(
            totp.uri(issuer: "A&B?#/%", account: "é:~\n")
                .hasPrefix("otpauth://totp/A%26B%3F%23%2F%25:%C3%A9%3A~%0A?secret="))
    }

    @Test func isThreadSafe() {
        DispatchQueue.concurrentPerform(iterations: 32) { _ in
            for _ in 0..<50 { #expect(totp.code(at: 59) == "287082") }
        }
    }
}

@Suite struct Base32Tests {
    /// RFC 4648, section 10, without the padding.
    @Test(arguments: [
        ("", ""), ("f", "MY"), ("fo", "MZXQ"), ("foo", "MZXW6"), ("foob", "MZXW6YQ"), ("fooba", "MZXW6YTB"),
        ("foobar", "MZXW6YTBOI"),
    ])
    func encodesAndDecodes(plain: String, encoded: String) {
        #expect(Base32.encode(plain.utf8) == encoded)
        #expect(Base32.decode(encoded.utf8) == Array(plain.utf8))
    }

    @Test func allBytesAreDecodedAsEncoded() {
        let bytes = Array(UInt8.min...UInt8.max)
        for count in 0...bytes.count {
            #expect(Base32.decode(Base32.encode(bytes[..<count]).utf8) == Array(bytes[..<count]))
        }
    }

    @Test(arguments: [
        "MY======", "MZXW6===", "=",  // padding
        "M", "A", "MZX", "MZXW6Y", "MZXW6YTBA",  // an impossible length
        "MZ", "MZXR", "MZXW7", "MZXW6YR",  // unused bits set
        "my", "M0", "M1", "M8", "MY ", " MY", "M Y", "MY\n", "M-", "MÉ", "M\0",  // another alphabet
    ])
    func refusesInvalidTexts(text: String) {
        #expect(Base32.decode(text.utf8) == nil)
    }
}

@Suite struct RecoveryCodeTests {
    @Test func aSetHasTenReadableCodes() {
        let codes = RecoveryCode.makeSet().map(\.text)
        #expect(Set(codes).count == 10)
        for code in codes {
            #expect(code.wholeMatch(of: /[0-9a-hjkmnp-tv-z]{5}-[0-9a-hjkmnp-tv-z]{5}-[0-9a-hjkmnp-tv-z]{5}/) != nil)
        }
        #expect(Set(codes).isDisjoint(with: RecoveryCode.makeSet().map(\.text)))
    }

    @Test func parsesItsOwnCodes() {
        for code in RecoveryCode.makeSet() {
            #expect(RecoveryCode(typed: code.text) == code)
            #expect(RecoveryCode(typed: code.text.uppercased()) == code)
        }
    }

    @Test(arguments: [
        "k7m20-1dq4t-7ze5w", "K7M20-1DQ4T-7ZE5W", "k7m201dq4t7ze5w", " k7m20 1dq4t 7ze5w ", "k7m2O-ldq4t-7ze5w",
        "k7m2o-Idq4t-7ze5w", "k7-m2-01-dq-4t-7z-e5-w", "K7M20-LDQ4T-7ZE5W", "k7m20-idq4t-7ze5w",
    ])
    func parsesTypedVariants(typed: String) {
        #expect(RecoveryCode(typed: typed)?.text == "k7m20-1dq4t-7ze5w")
    }

    @Test(arguments: [
        "", "-", "k7m20-1dq4t-7ze5", "k7m20-1dq4t-7ze5ww", "k7m20-1dq4t-7ze5u", "k7m20_1dq4t_7ze5w",
        "k7m20-1dq4t-7ze5é",
        "k7m20-1dq4t-7ze5\0", "k7m20-1dq4t-7ze5w\n", "7m20-1dq4t-7ze5w\u{212A}", "k7m20-1dq4t",
        String(repeating: "k", count: 10_000),
    ])
    func refusesInvalidCodes(typed: String) {
        #expect(RecoveryCode(typed: typed) == nil)
    }

    @Test func theDigestCoversCodeAndAccount() throws {
        let code = try #require(RecoveryCode(typed: "K7M2O-LDQ4T-7ZE5W"))
        #expect(code.digest(for: "user-1") == Digest.sha256("k7m201dq4t7ze5wuser-1".utf8))
        #expect(code.digest(for: "user-1") != code.digest(for: "user-2"))
    }
}
