import Crypto
import JSON
import TestSupport
import Testing
import Tokens

/// Which tokens of other issuers are accepted. Each refused token is a valid one with a single flaw.
@Suite struct ExternalTokenTests {
    static let now: Int64 = 1_700_000_000
    static let issuer = "https://issuer.example"
    static let keys = Result {
        try [SignatureAlgorithm.rs256, .es256, .edDSA].map { try SigningKey($0, id: "key of \($0)") }
    }
    static let algorithms: [SignatureAlgorithm] = [.rs256, .es256, .edDSA]

    static let payload: JSON = [
        "iss": .string(issuer), "sub": "user-1", "aud": "api", "azp": "app", "iat": .integer(now - 10),
        "nbf": .integer(now - 10), "exp": .integer(now + 60), "email": "ann@example.org", "email_verified": true,
        "name": "Ann",
    ]

    static func signer(_ algorithm: SignatureAlgorithm) throws -> SigningKey {
        try #require(try keys.get().first { $0.algorithm == algorithm })
    }

    /// The payload with a claim replaced by this JSON text, or removed if it is nil.
    static func payload(_ name: String, _ text: String?) throws -> JSON {
        var members = try #require(payload.objectValue)
        members[name] = try text.map { try JSON(parsing: Array($0.utf8)) }
        return .object(members)
    }

    static func trusted(
        _ proof: TrustedIssuer.Proof = .audience, audiences: Set<String> = ["api", "other api"],
        parties: Set<String> = ["app", "other app"]
    ) -> TrustedIssuer {
        TrustedIssuer(issuer, proof: proof, audiences: audiences, authorizedParties: parties)
    }

    static func claims(
        _ text: String, by key: SigningKey, _ issuer: TrustedIssuer = trusted(), now: Int64 = now
    ) throws -> ExternalClaims {
        guard let token = ExternalToken(text) else { throw TokenError.invalid }
        return try token.claims(from: issuer, signedBy: try #require(PublicKey(jwk: key.jwk)), now: now)
    }

    static func expectRefused(
        _ text: String, by key: SigningKey, _ error: TokenError = .invalid, _ comment: String = "",
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        #expect(throws: error, "\(comment)", sourceLocation: sourceLocation) { try claims(text, by: key) }
    }

    @Test(arguments: algorithms) func readsAValidToken(algorithm: SignatureAlgorithm) throws {
        let key = try Self.signer(algorithm)
        let token = key.token(Self.payload)
        #expect(ExternalToken(token)?.issuer == Self.issuer)
        #expect(ExternalToken(token)?.keyID == key.id)
        let claims = try Self.claims(token, by: key)
        #expect(claims.subject == "user-1")
        #expect(claims.email == "ann@example.org")
        #expect(claims.name == "Ann")
    }

    @Test(arguments: [nil, "JWT", "jwt", "at+jwt", "AT+JWT", "application/at+jwt"] as [String?])
    func acceptsTypesOfAccessTokens(type: String?) throws {
        let key = try Self.signer(.edDSA)
        _ = try Self.claims(key.token(Self.payload, header: ["typ": type.map(JSON.string)]), by: key)
    }

    @Test(
        arguments: [
            ("alg", nil), ("alg", "none"), ("alg", "None"), ("alg", ""), ("alg", "HS256"), ("alg", "RS384"),
            ("alg", "PS256"), ("alg", "ES384"), ("alg", "rs256"), ("alg", 1), ("alg", .null),
            ("typ", "rt+jwt"), ("typ", "logout+jwt"), ("typ", "dpop+jwt"), ("typ", ""), ("typ", .null), ("typ", 1),
            ("kid", nil), ("kid", 1), ("kid", .null), ("kid", .string(String(repeating: "k", count: 257))),
            ("crit", []), ("crit", ["exp"]), ("jwk", [:]), ("jku", "https://issuer.example/keys"),
            ("x5u", "https://issuer.example/certificate"), ("x5c", ["MIIB"]), ("jwk", .null),
        ] as [(String, JSON?)])
    func refusesInvalidHeaders(name: String, value: JSON?) throws {
        for algorithm in Self.algorithms {
            let key = try Self.signer(algorithm)
            let token = key.token(Self.payload, header: [name: value])
            #expect(ExternalToken(token) == nil, "\(algorithm)")
        }
    }

    @Test func keyIDsAreOpaque() throws {
        for name in ["", "../../dev/null", "' UNION SELECT", "\u{0}", String(repeating: "k", count: 256)] {
            let token = try Self.signer(.edDSA).token(Self.payload, header: ["kid": .string(name)])
            #expect(ExternalToken(token)?.keyID == name)
        }
    }

    /// A key cannot be used with another algorithm, and a public key cannot be used as an HMAC secret.
    @Test(arguments: algorithms) func theKeyDeterminesTheAlgorithm(algorithm: SignatureAlgorithm) throws {
        let key = try Self.signer(algorithm)
        for other in Self.algorithms where other != algorithm {
            Self.expectRefused(key.token(Self.payload, header: ["alg": .string(other.rawValue)]), by: key)
            Self.expectRefused(try Self.signer(other).token(Self.payload), by: key)
        }
        let number = try #require(key.jwk["n"] ?? key.jwk["x"])
        let publicKeys = [key.jwk.serialized(), Array(number.text.utf8)]
        for name in ["HS256", algorithm.rawValue] {
            let message = key.unsignedToken(Self.payload, header: ["alg": .string(name)])
            for secret in publicKeys {
                let code = HMACSHA256(key: secret).code(for: message.utf8)
                Self.expectRefused(message + "." + Base64URL.encode(code), by: key, .invalid, name)
            }
            Self.expectRefused(message + ".", by: key, .invalid, "unsigned")
        }
    }

    @Test func refusesInvalidES256Signatures() throws {
        let key = try Self.signer(.es256)
        let message = key.unsignedToken(Self.payload)
        let good = key.signature(of: message.utf8)
        let zero = [UInt8](repeating: 0, count: 32)
        let one: [UInt8] = zero.dropLast() + [1]
        // FIPS 186-4, D.1.2.3: the order, an exclusive upper limit of r and s.
        let order: [UInt8] = [
            0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa, 0xad,
            0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
        ]
        let signatures: [[UInt8]] = [
            key.librarySignature(of: Array(message.utf8)), good.dropLast(), good + [0], [0] + good, zero + zero,
            zero + good[32...], good[..<32] + zero, order + good[32...], good[..<32] + order, one + one,
            [UInt8](repeating: 0xff, count: 64),
        ]
        for signature in signatures { Self.expectRefused(message + "." + Base64URL.encode(signature), by: key) }
        _ = try Self.claims(message + "." + Base64URL.encode(good), by: key)
    }

    @Test(
        arguments: [
            ("iss", nil), ("iss", #""https://issuer.example/""#), ("iss", #""https://ISSUER.example""#),
            ("iss", #"["https://issuer.example"]"#), ("iss", "null"),
            ("sub", nil), ("sub", #""""#), ("sub", "1"), ("sub", "null"), ("sub", #""a\u0000""#),
            ("sub", "\"\(String(repeating: "s", count: 256))\""),
            ("aud", nil), ("aud", #""ap""#), ("aud", #""API""#), ("aud", "[]"), ("aud", "null"), ("aud", #"["x"]"#),
            ("aud", #"["api",1]"#), ("aud", #"{"api":1}"#), ("aud", #""app""#),
            ("azp", #""evil""#), ("azp", #""""#), ("azp", "null"), ("azp", #"["app"]"#), ("azp", #""api""#),
            ("exp", nil), ("exp", "null"), ("exp", "\"\(now + 60)\""), ("exp", "true"),
            ("nbf", "\(now + 31)"), ("nbf", "\"0\""), ("nbf", "null"), ("nbf", "1e300"),
            ("iat", "\(now + 31)"), ("iat", "\"0\""), ("iat", "null"),
        ] as [(String, String?)])
    func refusesInvalidClaims(name: String, text: String?) throws {
        let key = try Self.signer(.edDSA)
        Self.expectRefused(key.token(try Self.payload(name, text)), by: key)
    }

    @Test(
        arguments: [
            ("aud", #"["x","other api"]"#), ("azp", nil), ("azp", #""other app""#), ("iat", nil), ("nbf", nil),
            ("nbf", "\(now + 30)"), ("iat", "\(now + 30)"), ("exp", "\(now - 29)"), ("exp", "\(now - 29).5"),
            ("exp", "1e300"), ("exp", "18446744073709551615"), ("sub", "\"\(String(repeating: "s", count: 255))\""),
        ] as [(String, String?)])
    func acceptsValidClaims(name: String, text: String?) throws {
        let key = try Self.signer(.edDSA)
        _ = try Self.claims(key.token(try Self.payload(name, text)), by: key)
    }

    @Test(arguments: ["\(now - 30)", "\(now - 30).0", "0", "-1", "-1e300"]) func reportsExpiryOfGenuineTokens(
        text: String
    )
        throws
    {
        let key = try Self.signer(.edDSA)
        Self.expectRefused(key.token(try Self.payload("exp", text)), by: key, .expired)
        // Only for tokens with a valid signature.
        let other = try SigningKey(.edDSA, id: key.id)
        Self.expectRefused(other.token(try Self.payload("exp", text)), by: key)
    }

    @Test(
        arguments: [
            (TrustedIssuer.Proof.authorizedParty, ["api"], ["app"], true), (.authorizedParty, [], ["app"], false),
            (.authorizedParty, ["api"], [], false), (.audience, ["api"], [], true), (.audience, [], ["app"], false),
        ] as [(TrustedIssuer.Proof, Set<String>, Set<String>, Bool)])
    func checksAudiencesAndAuthorizedParties(
        proof: TrustedIssuer.Proof, audiences: Set<String>, parties: Set<String>, isAccepted: Bool
    ) throws {
        let key = try Self.signer(.edDSA)
        let issuer = Self.trusted(proof, audiences: audiences, parties: parties)
        let claims = try? Self.claims(key.token(Self.payload), by: key, issuer)
        #expect((claims != nil) == isAccepted)
    }

    @Test func audiencesAndPartiesAreComparedByBytes() throws {
        let key = try Self.signer(.edDSA)
        for (audience, party) in [("e\u{301}", "\u{E9}"), ("\u{E9}", "e\u{301}"), ("\u{E9}", "\u{E9}")] {
            var members = try #require(Self.payload("aud", JSON.string(audience).text).objectValue)
            members["azp"] = .string(party)
            let issuer = Self.trusted(.audience, audiences: ["\u{E9}"], parties: ["\u{E9}"])
            let claims = try? Self.claims(key.token(.object(members)), by: key, issuer)
            #expect((claims != nil) == (audience.utf8.count == 2 && party.utf8.count == 2))
        }
    }

    @Test func onlyTheConfiguredProofIsRequired() throws {
        let key = try Self.signer(.edDSA)
        let (noAudience, noParty) = (try Self.payload("aud", nil), try Self.payload("azp", nil))
        _ = try Self.claims(key.token(noAudience), by: key, Self.trusted(.authorizedParty, audiences: []))
        _ = try Self.claims(key.token(noParty), by: key, Self.trusted(.audience))
        for (payload, proof) in [(noParty, TrustedIssuer.Proof.authorizedParty), (noAudience, .audience)] {
            #expect(throws: TokenError.invalid) { try Self.claims(key.token(payload), by: key, Self.trusted(proof)) }
        }
    }

    @Test(arguments: [nil, "false", "null", "1", #""true""#] as [String?])
    func ignoresUnverifiedEmails(text: String?) throws {
        let key = try Self.signer(.edDSA)
        #expect(try Self.claims(key.token(try Self.payload("email_verified", text)), by: key).email == nil)
    }

    @Test func refusesMalformedTokens() throws {
        let key = try Self.signer(.edDSA)
        let good = key.token(Self.payload)
        let parts = good.split(separator: ".").map(String.init)
        let (header, payload, signature) = (parts[0], parts[1], parts[2])
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
        let last = try #require(good.last.flatMap { alphabet.firstIndex(of: $0) })
        let malformed = [
            "", ".", "..", "...", header, "\(header).\(payload)", "\(header).\(payload).", ".\(payload).\(signature)",
            "\(header)..\(signature)", "\(good).", ".\(good)", "\(good).\(signature)", "\(good).a.b", "\(good)=",
            "\(header)=.\(payload).\(signature)", " \(good)", "\(good)\n", "\(header) .\(payload).\(signature)",
            "\(good)\0", "\(good)A", "\(good.dropLast())", "\(payload).\(header).\(signature)",
            good.dropLast() + String(alphabet[last ^ 1]), String(repeating: ".", count: 8192),
            key.token(try Self.payload("pad", "\"\(String(repeating: "x", count: 8192))\"")),
        ]
        for token in malformed { Self.expectRefused(token, by: key, .invalid, token) }
    }

    @Test func refusesDuplicateMembers() throws {
        let key = try Self.signer(.edDSA)
        let payload = Self.payload.text.dropLast() + #","sub":"user-2"}"#
        let message =
            String(key.unsignedToken(.null).prefix { $0 != "." }) + "." + Base64URL.encode(Array(payload.utf8))
        Self.expectRefused(message + "." + Base64URL.encode(key.signature(of: message.utf8)), by: key)
    }

    @Test(arguments: algorithms) func refusesAnyChangedCharacter(algorithm: SignatureAlgorithm) throws {
        let key = try Self.signer(algorithm)
        let good = Array(key.token(Self.payload).utf8)
        for position in good.indices {
            var changed = good
            changed[position] = changed[position] == UInt8(ascii: "A") ? UInt8(ascii: "B") : UInt8(ascii: "A")
            Self.expectRefused(String(decoding: changed, as: UTF8.self), by: key)
        }
    }
}
