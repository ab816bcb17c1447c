import Crypto
import JSON
import Testing
import Tokens

/// Which JSON Web Keys are accepted. Each refused key is a valid one with a single flaw.
@Suite struct JSONWebKeyTests {
    static func json(_ text: String) throws -> JSON { try JSON(parsing: Array(text.utf8)) }

    /// The key of an example with members replaced by other JSON texts, or removed if nil.
    static func jwk(_ example: SignatureExample, _ changes: (name: String, text: String?)...) throws -> JSON {
        var key = try #require(try json(example.jwk).objectValue)
        for change in changes { key[change.name] = try change.text.map(json) }
        return .object(key)
    }

    @Test(
        arguments: SignatureExample.all,
        [
            ("use", #""sig""#), ("key_ops", #"["verify"]"#), ("key_ops", #"["sign","verify"]"#), ("kid", #""""#),
            ("kid", #""2026-11""#), ("x5t", #""unknown""#), ("x5c", "[]"), ("constructor", "{}"),
        ])
    func acceptsSignatureKeys(example: SignatureExample, change: (String, String)) throws {
        let key = try #require(PublicKey(jwk: try Self.jwk(example, change)))
        #expect(key.isValid(signature: try example.signatureBytes(), message: example.message.utf8))
    }

    @Test(arguments: SignatureExample.all)
    func acceptsOnlyTheAlgorithmOfTheKeyType(example: SignatureExample) throws {
        let names = ["RS256", "ES256", "EdDSA", "RS384", "RS512", "PS256", "ES384", "HS256", "none", "", "rs256"]
        for name in names {
            let key = PublicKey(jwk: try Self.jwk(example, ("alg", "\"\(name)\"")))
            #expect((key != nil) == (name == example.algorithm.rawValue))
        }
    }

    @Test(
        arguments: SignatureExample.all,
        [
            ("use", #""enc""#), ("use", #""SIG""#), ("use", #""""#), ("use", "null"), ("use", #"["sig"]"#),
            ("key_ops", #"["sign"]"#), ("key_ops", "[]"), ("key_ops", #""verify""#), ("key_ops", "null"),
            ("alg", "null"), ("alg", #"["RS256","ES256","EdDSA"]"#), ("alg", "1"),
            ("kid", "1"), ("kid", "null"), ("kid", "\"\(String(repeating: "k", count: 257))\""),
            ("kty", nil), ("kty", "null"), ("kty", #""oct""#), ("kty", #""rsa""#), ("kty", #""""#),
            ("kty", #"["RSA"]"#),
            ("d", #""AQAB""#), ("d", #""""#), ("d", "null"), ("p", #""AQAB""#), ("q", #""AQAB""#), ("dp", #""AQAB""#),
            ("dq", #""AQAB""#), ("qi", #""AQAB""#), ("oth", "[]"), ("k", #""AQAB""#),
        ] as [(String, String?)])
    func refusesKeysForOtherUses(example: SignatureExample, change: (String, String?)) throws {
        #expect(PublicKey(jwk: try Self.jwk(example, change)) == nil)
    }

    @Test(
        arguments: [
            ("n", nil), ("n", "null"), ("n", "1"), ("n", #""""#), ("n", #""AQAB""#), ("n", #""not base64url!""#),
            ("e", nil), ("e", "null"), ("e", "65537"), ("e", #""""#), ("e", #""AQAB=""#),
            ("e", #""AA""#), ("e", #""AQ""#), ("e", #""Ag""#), ("e", #""AQAA""#), ("e", #""AAEAAQ""#),
            ("e", #""AQAAAAAAAAAB""#),  // 0, 1, 2, 65536, 65537 with a leading zero, 2⁶⁴ + 1
            ("kty", #""EC""#), ("kty", #""OKP""#),
        ] as [(String, String?)])
    func refusesInvalidRSAKeys(change: (String, String?)) throws {
        #expect(PublicKey(jwk: try Self.jwk(.rsa, change)) == nil)
    }

    /// An odd number with this many bits; an even number is not a valid modulus.
    @Test(arguments: [
        (512, false), (1024, false), (2047, false), (2048, true), (4096, true), (8192, true), (8193, false),
    ])
    func theModulusHas2048To8192Bits(bits: Int, isAccepted: Bool) throws {
        var modulus = [UInt8](repeating: 0x55, count: (bits + 7) / 8)
        modulus[0] = 1 << UInt8((bits - 1) % 8)
        func key(_ modulus: [UInt8]) throws -> PublicKey? {
            PublicKey(jwk: try Self.jwk(.rsa, ("n", "\"\(Base64URL.encode(modulus))\"")))
        }
        #expect(try (key(modulus) != nil) == isAccepted)
        #expect(try key([0] + modulus) == nil)
        modulus[modulus.count - 1] = 0x54
        #expect(try key(modulus) == nil)
    }

    @Test(
        arguments: [
            ("crv", nil), ("crv", #""P-384""#), ("crv", #""p-256""#), ("crv", #""secp256k1""#), ("crv", #""Ed25519""#),
            ("x", nil), ("y", nil), ("x", #""""#), ("y", "null"), ("y", "7"),
            ("x", #""AH_Nzidw9sRdQYPL7m_bS3tYBzM1e-nvE7rPbjx70VRF""#),  // with a leading zero
            ("x", #""zc4ncPbEXUGDy-5v20t7WAczNXvp7xO6z248e9FURQ""#),  // without its first byte
            ("y", #""x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a1""#),  // an unused bit set
            ("y", #""x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a4""#),  // not on the curve
            ("x", #""AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA""#),
            ("x", #""__________________________________________8""#), ("kty", #""RSA""#), ("kty", #""OKP""#),
        ] as [(String, String?)])
    func refusesInvalidP256Keys(change: (String, String?)) throws {
        #expect(PublicKey(jwk: try Self.jwk(.p256, change)) == nil)
    }

    @Test func refusesTheOrigin() throws {
        let zero = #""AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA""#
        #expect(PublicKey(jwk: try Self.jwk(.p256, ("x", zero), ("y", zero))) == nil)
    }

    @Test(
        arguments: [
            ("crv", nil), ("crv", #""Ed448""#), ("crv", #""X25519""#), ("crv", #""P-256""#), ("crv", #""ed25519""#),
            ("x", nil), ("x", "null"), ("x", #""""#), ("x", #""WpgBgrEKt9VL_tPJZAc6DuFy89qmIyWvAhpo9wdRGg""#),
            ("x", #""ANdamAGCsQq31Uv-08lkBzoO4XLz2qYjJa8CGmj3B1Ea""#), ("kty", #""EC""#), ("kty", #""RSA""#),
        ] as [(String, String?)])
    func refusesInvalidEd25519Keys(change: (String, String?)) throws {
        #expect(PublicKey(jwk: try Self.jwk(.ed25519, change)) == nil)
    }

    @Test(arguments: ["null", "[]", "{}", "\"RSA\"", "1", #"{"kty":"RSA"}"#, #"{"kty":"EC","crv":"P-256"}"#])
    func refusesOtherJSON(text: String) throws {
        #expect(PublicKey(jwk: try Self.json(text)) == nil)
    }
}

@Suite struct JSONWebKeySetTests {
    private func set(_ keys: [JSON]) throws -> JSONWebKeySet { try JSONWebKeySet(["keys": .array(keys)]) }

    private func key(_ example: SignatureExample, id: String) throws -> JSON {
        try JSONWebKeyTests.jwk(example, ("kid", "\"\(id)\""))
    }

    @Test func findsKeysByTheirIds() throws {
        let set = try set([key(.rsa, id: "a"), key(.p256, id: "b"), key(.ed25519, id: "c")])
        #expect(set.count == 3)
        #expect(set["a"]?.algorithm == .rs256)
        #expect(set["b"]?.algorithm == .es256)
        #expect(set["c"]?.algorithm == .edDSA)
        #expect(set["b"]?.id == "b")
        for id in ["", "A", "a ", "a\0", "d", "../a"] { #expect(set[id] == nil) }
    }

    @Test func skipsUnusableKeys() throws {
        let unusable: [JSON] = [
            "key", 1, nil, [], [:], ["kty": "EC", "crv": "P-521", "kid": "b"], ["kty": "AKP", "kid": "c"],
            try JSONWebKeyTests.jwk(.p256, ("kid", #""d""#), ("use", #""enc""#)),
            try JSONWebKeyTests.jwk(.p256, ("kid", #""e""#), ("d", #""AQAB""#)),
            try JSONWebKeyTests.jwk(.p256),
        ]
        let set = try set(unusable + [key(.rsa, id: "a")])
        #expect(set.count == 1)
        #expect(set["a"] != nil)
        #expect(try self.set(unusable).count == 0)
        #expect(try self.set([]).count == 0)
    }

    @Test func refusesDuplicateIDs() throws {
        let other = try JSONWebKeyTests.jwk(.rsa, ("kid", #""a""#), ("use", #""enc""#))
        #expect(try set([key(.p256, id: "a"), other]).count == 1)
        #expect(throws: KeySetError.duplicateID) { try set([key(.p256, id: "a"), key(.rsa, id: "a")]) }
        #expect(throws: KeySetError.duplicateID) { try set([key(.p256, id: "a"), key(.p256, id: "a")]) }
        // Ids are compared by their bytes.
        let equivalent = try set([key(.p256, id: "\u{E9}"), key(.rsa, id: "e\u{301}")])
        #expect(equivalent["\u{E9}"]?.algorithm == .es256 && equivalent["e\u{301}"]?.algorithm == .rs256)
    }

    @Test func refusesSymmetricKeys() throws {
        #expect(throws: KeySetError.symmetricKey) {
            try set([key(.rsa, id: "a"), ["kty": "oct", "k": "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ", "kid": "b"]])
        }
    }

    @Test func acceptsAtMostAHundredKeys() throws {
        let hundred = try (0..<100).map { try key(.ed25519, id: "\($0)") }
        #expect(try set(hundred).count == 100)
        #expect(throws: KeySetError.tooManyKeys) { try set(hundred + [nil]) }
    }

    @Test(arguments: ["null", "[]", "{}", #"{"keys":{}}"#, #"{"keys":null}"#, #"{"KEYS":[]}"#, "1"])
    func refusesMalformedSets(text: String) throws {
        let json = try JSONWebKeyTests.json(text)
        #expect(throws: KeySetError.malformed) { try JSONWebKeySet(json) }
    }
}
