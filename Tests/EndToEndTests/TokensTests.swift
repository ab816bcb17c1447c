import Crypto
import JSON
import TestSupport
import Testing

/// Tokens that are accepted, and attacks that are refused (RFC 6750, RFC 8725).
@Suite struct TokensTests {
    let stack: Stack
    let user: TestUser
    let genuine: Forgery

    init() throws {
        stack = try Stack.shared.get()
        user = try stack.makeUser()
        genuine = try Forgery(of: user.token)
    }

    @Test(arguments: ["Bearer", "bearer", "BEARER", "Bearer ", "bEaReR    "])
    func acceptsTheSchemeInAnyCaseAndWithExtraSpaces(scheme: String) throws {
        #expect(try me("\(scheme) \(user.token)").status == 200)
    }

    @Test(arguments: ["", "Bearer", "Bearer ", "Basic dXNlcjpwYXNzd29yZA==", "bearerToken", "Token abc"])
    func missingTokenIsChallenged(field: String) throws {
        let answer = try me(field)
        expectChallenge(answer, "token_missing")
        #expect(answer["message"] == "Token is missing")
        expectChallenge(try stack.get("/me"), "token_missing")
    }

    @Test func refusesTwoTokens() throws {
        for field in ["Bearer \(user.token) \(user.token)", "Bearer \(user.token),Bearer \(user.token)"] {
            expectChallenge(try me(field), "token_invalid")
        }
        expectProblem(try stack.get("/me", headers: [stack.bearer(user.token), stack.bearer(user.token)]), 400)

        let client = try FastCGIClient(path: stack.socket)
        let field = ("HTTP_AUTHORIZATION", "Bearer \(user.token)")
        #expect(try client.exchange(stack.params("GET", "/me", [field])).status == 200)
        #expect(try client.exchange(stack.params("GET", "/me", [field, field])).status == 401)
    }

    @Test func tokenInTheQueryIsIgnored() throws {
        for name in ["token", "access_token"] {
            expectChallenge(try stack.get("/me?\(name)=\(user.token)"), "token_missing")
        }
    }

    @Test func unchangedForgeryIsAccepted() throws {
        #expect(genuine.token() == user.token)
        #expect(try me("Bearer \(genuine.token())").status == 200)
    }

    @Test func otherAlgorithmsAreRefused() throws {
        for algorithm in ["none", "None", "NONE", "nOnE", "", "HS384", "RS256", "ES256", "hs256"] {
            let forgery = genuine.with(header: ["alg": .string(algorithm)])
            try expectRefusal(forgery.token(), "\(algorithm), signed")
            try expectRefusal(forgery.token(signature: []), "\(algorithm), empty signature")
        }
        try expectRefusal(genuine.token(signature: []), "empty signature")
        try expectRefusal(genuine.token(signature: [UInt8](repeating: 0, count: 32)), "zero signature")
        // A verifier that confuses key types would use these keys as the secret of an HMAC.
        for key in [
            "-----BEGIN PUBLIC KEY-----\nMIIBIjANBgkqhkiG9w0BAQEFAAOC\n-----END PUBLIC KEY-----\n", #"{"kty":"oct"}"#,
            "\0",
        ] {
            try expectRefusal(genuine.token(key: Array(key.utf8)), "signed with \(key.prefix(20))")
        }
    }

    @Test func keysInTheTokenHeaderAreRefused() throws {
        let key: JSON = ["kty": "oct", "k": .string(Base64URL.encode(Array("attacker".utf8)))]
        let fields: [(String, JSON)] = [
            ("jwk", key), ("jku", "https://127.0.0.1/keys"), ("x5u", "https://127.0.0.1/keys"), ("x5c", ["MIIB"]),
            ("crit", ["exp"]), ("crit", []),
        ]
        for (name, value) in fields {
            let forgery = genuine.with(header: [name: value])
            try expectRefusal(forgery.token(), name)
            try expectRefusal(forgery.token(key: Array("attacker".utf8)), name)
        }
    }

    @Test func unknownKeyIDsAreRefused() throws {
        let names: [JSON] = [
            "../../dev/null", "' UNION SELECT 'key", "/etc/passwd", "", "\u{0}", 1, .null, ["a"],
            .string(String(repeating: "k", count: 4_000)),
        ]
        for name in names { try expectRefusal(genuine.with(header: ["kid": name]).token(), name.text) }

        // Longer than the header limit of nginx.
        let long = genuine.with(header: ["kid": .string(String(repeating: "k", count: 10_000))]).token()
        expectProblem(try me("Bearer \(long)"), 431)
        let client = try FastCGIClient(path: stack.socket)
        let params = stack.params("GET", "/me", [("HTTP_AUTHORIZATION", "Bearer \(long)")])
        #expect(try client.exchange(params).status == 401)
    }

    @Test func checksEveryClaim() throws {
        let now = try #require(genuine.payload["iat"]?.integerValue)
        let cases: [(claims: [String: JSON?], code: String)] = [
            (["exp": nil], "token_invalid"), (["exp": "2099-01-01"], "token_invalid"),
            (["exp": .null], "token_invalid"),
            (["exp": .integer(now - 60)], "token_expired"), (["exp": 0], "token_expired"),
            (["exp": -1], "token_expired"),
            (["nbf": nil], "token_invalid"), (["nbf": .integer(now + 600)], "token_invalid"),
            (["iat": nil], "token_invalid"), (["iat": .integer(now + 600)], "token_invalid"),
            (["iss": nil], "token_invalid"), (["iss": "https://evil.example"], "token_invalid"),
            (["aud": nil], "token_invalid"), (["aud": "other"], "token_invalid"), (["aud": ["other"]], "token_invalid"),
            (["sub": nil], "token_invalid"), (["sub": "' OR 1=1"], "token_invalid"), (["sid": nil], "token_invalid"),
            (["sid": .string(user.id)], "token_invalid"), (["sid": "x"], "token_invalid"),
        ]
        for (claims, code) in cases {
            let token = genuine.with(payload: claims).token()
            expectChallenge(try me("Bearer \(token)"), code, "\(claims)")
        }
        let type = genuine.with(header: ["typ": "JWT"]).token()
        try expectRefusal(type, "a token of another type")
        let expired = genuine.with(payload: ["exp": .integer(now - 60)]).token()
        #expect(try me("Bearer \(expired)")["message"] == "Token has expired")
        // A number out of range, and a duplicate claim.
        for tail in [#","exp":1e999}"#, #","sub":"\#(user.id)"}"#] {
            try expectRefusal(genuine.token(payload: genuine.payload.text.dropLast() + tail), tail)
        }
    }

    @Test func sessionOfAnotherUserIsRefused() throws {
        let other = try stack.makeUser()
        let session = try #require(try Forgery(of: other.token).payload["sid"])
        try expectRefusal(genuine.with(payload: ["sid": session]).token(), "the session of another user")
        try expectRefusal(genuine.with(payload: ["sub": .string(other.id)]).token(), "another user with this session")
    }

    @Test func onlyTheCanonicalEncodingIsAccepted() throws {
        let parts = user.token.split(separator: ".").map(String.init)
        let (token, head, claims, code) = (user.token, parts[0], parts[1], parts[2])
        let spellings: [String] = [
            "\(head).\(claims)", "\(token).", "\(token).\(code)", "\(token).a.b", ".\(token)", "\(head)..\(code)",
            "\(token)=", "\(head)=.\(claims).\(code)", "\(head). \(claims).\(code)", "\(token)%20", "\(token)é", "...",
            "..",
            "\(head).\(claims).\(code.dropLast(2))", "\(head).\(claims).A\(code.dropFirst())A",
            "\(head).\(claims).\(code)A",
            token.uppercased(), "\(head).\(claims).\(nonCanonical(code))", "\"\(token)\"",
        ]
        for spelling in spellings { try expectRefusal(spelling, spelling) }
    }

    /// Another encoding of the same bytes: the last character of 32 bytes in base64url has two unused bits.
    private func nonCanonical(_ code: String) -> String {
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
        let last = alphabet.firstIndex { $0 == code.last } ?? 0
        return code.dropLast() + String(alphabet[last | 1])
    }

    private func me(_ authorization: String) throws -> HTTPAnswer {
        try stack.get("/me", headers: [("Authorization", authorization)])
    }

    private func expectRefusal(
        _ token: String, _ comment: String, sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        expectChallenge(try me("Bearer \(token)"), "token_invalid", comment, sourceLocation: sourceLocation)
    }
}

/// The parts of a genuine token, which can be changed and encoded again.
struct Forgery {
    private(set) var header: JSONObject
    private(set) var payload: JSON

    init(of token: String) throws {
        let parts = try token.split(separator: ".").map { segment in try #require(Base64URL.decode(segment.utf8)) }
        header = try #require(JSON(parsing: parts[0]).objectValue)
        payload = try JSON(parsing: parts[1])
    }

    /// A copy with these members replaced; nil removes one.
    func with(header fields: [String: JSON] = [:], payload claims: [String: JSON?] = [:]) -> Forgery {
        var copy = self
        for (name, value) in fields { copy.header[name] = value }
        var members = payload.objectValue ?? JSONObject()
        for (name, value) in claims { members[name] = value }
        copy.payload = .object(members)
        return copy
    }

    /// The encoded token. Default: signed with the key of the stack.
    func token(
        payload text: String? = nil, key: [UInt8] = Array(Stack.tokenSecret.utf8), signature: [UInt8]? = nil
    ) -> String {
        let parts = [JSON.object(header).serialized(), Array((text ?? payload.text).utf8)]
        let message = parts.map { Base64URL.encode($0) }.joined(separator: ".")
        let code = signature ?? HMACSHA256(key: key).code(for: message.utf8)
        return message + "." + Base64URL.encode(code)
    }
}
