import Crypto
import HTTP
import JSON
import TestSupport
import Testing

/// Tokens of an issuer that signs with ECDSA, with invalid signatures that a careless verifier accepts.
@Suite struct ExternalSignatureTests {
    @Test func rejectsOtherSignatures() throws {
        let issuer = try TestIssuer(.es256)
        let stack = try Stack(settings: [
            "OIDC_ISSUER": issuer.url, "OIDC_AUDIENCE": TestIssuer.audience, "HTTP_ALLOW_ADDRESSES": issuer.address,
        ])
        let claims = issuer.claims(of: "ann")
        let message = issuer.key.unsignedToken(claims)
        let good = issuer.key.signature(of: message.utf8)
        let signatures: [(name: String, bytes: [UInt8])] = [
            ("DER", issuer.key.librarySignature(of: Array(message.utf8))), ("none", []),
            ("zeros", [UInt8](repeating: 0, count: 64)), ("63 bytes", good.dropLast()), ("65 bytes", good + [0]),
            ("r = 0", [UInt8](repeating: 0, count: 32) + good[32...]), ("swapped", Array(good[32...] + good[..<32])),
        ]
        for (name, bytes) in signatures {
            expectChallenge(
                try stack.get("/me", token: message + "." + Base64URL.encode(bytes)), "token_invalid", name)
        }
        // The public key, used as the secret of an HMAC.
        let point = ["x", "y"].flatMap { Base64URL.decode((issuer.key.jwk[$0]?.stringValue ?? "").utf8) ?? [] }
        for (name, secret) in [("JWK", issuer.key.jwk.serialized()), ("x and y", point), ("point", [4] + point)] {
            let message = issuer.key.unsignedToken(claims, header: ["alg": "HS256"])
            let code = HMACSHA256(key: secret).code(for: message.utf8)
            expectChallenge(
                try stack.get("/me", token: message + "." + Base64URL.encode(code)), "token_invalid", name)
        }
        #expect(try stack.get("/me", token: message + "." + Base64URL.encode(good)).status == 200)
    }
}
