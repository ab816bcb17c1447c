package import Crypto
package import JSON

extension PublicKey {
    /// Parses a JSON Web Key (RFC 7517, section 4) that verifies signatures: RSA of 2048 to 8192 bits, P-256 or
    /// Ed25519.
    ///
    /// Nil for any other key, for one with another use or algorithm, and for one that contains its private part: anyone
    /// who has read it can sign too.
    package convenience init?(jwk: JSON) {
        guard let parts = PublicKeyParts(jwk) else { return nil }
        self.init(id: jwk["kid"]?.stringValue, parts: parts)
        guard Self.mayVerify(jwk, with: algorithm) else { return nil }
    }

    /// Checks the members common to all keys (RFC 7517, sections 4.2 to 4.5).
    private static func mayVerify(_ jwk: JSON, with algorithm: SignatureAlgorithm) -> Bool {
        if let use = jwk["use"], use != "sig" { return false }
        if let operations = jwk["key_ops"], operations.arrayValue?.contains("verify") != true { return false }
        if let name = jwk["alg"], name.stringValue != algorithm.rawValue { return false }
        if let id = jwk["kid"], (id.stringValue?.utf8.count ?? .max) > 256 { return false }
        return privateMembers.allSatisfy { jwk[$0] == nil }
    }

    /// The members of private keys: RFC 7518, sections 6.2.2, 6.3.2 and 6.4; RFC 8037, section 2.
    private static let privateMembers = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"]
}

extension PublicKeyParts {
    /// Nil for another type of key, and for one that lacks a part.
    fileprivate init?(_ jwk: JSON) {
        switch (jwk["kty"]?.stringValue, jwk["crv"]?.stringValue) {
        case ("RSA", _):
            guard let modulus = jwk.bytes("n"), let exponent = jwk.bytes("e") else { return nil }
            self = .rsa(modulus: modulus, exponent: exponent)
        case ("EC", "P-256"):
            guard let x = jwk.bytes("x"), let y = jwk.bytes("y") else { return nil }
            self = .p256(x: x, y: y)
        case ("OKP", "Ed25519"):
            guard let point = jwk.bytes("x") else { return nil }
            self = .ed25519(point)
        default: return nil
        }
    }
}

extension JSON {
    /// The decoded bytes of a base64url member.
    fileprivate func bytes(_ name: String) -> [UInt8]? {
        self[name]?.stringValue.flatMap { Base64URL.decode($0.utf8) }
    }
}
