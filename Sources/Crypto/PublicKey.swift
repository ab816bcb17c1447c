import CCrypto

/// The signature algorithms, by the names that tokens use (RFC 7518, section 3.1; RFC 8037, section 3.1).
package enum SignatureAlgorithm: String, Sendable {
    /// RSA with PKCS #1 v1.5 padding and SHA-256.
    case rs256 = "RS256"
    /// ECDSA over P-256 with SHA-256.
    case es256 = "ES256"
    /// Ed25519 (RFC 8032).
    case edDSA = "EdDSA"
}

/// Another party's public key, which verifies what its owner has signed; safe to use from any thread.
///
/// Its type determines the algorithm. The algorithm that a token names is only compared with it (RFC 8725, section
/// 3.1).
@safe package final class PublicKey: Sendable {
    /// The id by which tokens name it.
    package let id: String?
    package let algorithm: SignatureAlgorithm
    /// Never changed; libcrypto locks what it derives from it.
    private nonisolated(unsafe) let key: OpaquePointer

    /// - Parameter key: of the algorithm's type; this object frees it.
    init(id: String?, algorithm: SignatureAlgorithm, key: OpaquePointer) {
        self.id = id
        self.algorithm = algorithm
        unsafe self.key = unsafe key
    }

    deinit { unsafe EVP_PKEY_free(key) }

    /// Whether the owner of the key has signed the message.
    ///
    /// - Parameter signature: in the form of JWS (RFC 7515, section 5.2), decoded: for ES256 the 64 bytes of r and s.
    package func isValid(signature: [UInt8], message: some Collection<UInt8>) -> Bool {
        guard let signature = algorithm == .es256 ? Self.der(signature) : signature else { return false }
        let context = unsafe EVP_MD_CTX_new()
        defer { unsafe EVP_MD_CTX_free(context) }
        // Ed25519 has a digest of its own.
        let digest = algorithm == .edDSA ? nil : "SHA256"
        guard unsafe EVP_DigestVerifyInit_ex(context, nil, digest, nil, nil, key, nil) == 1 else { return false }
        return unsafe message.withContiguousBytes { message in
            unsafe EVP_DigestVerify(context, signature, signature.count, message.baseAddress, message.count) == 1
        }
    }

    /// An ECDSA signature in the form that libcrypto requires, a DER sequence of two integers (RFC 3279, section
    /// 2.2.3), from r and s of 32 bytes each (RFC 7518, section 3.4); nil for any other length.
    private static func der(_ signature: [UInt8]) -> [UInt8]? {
        guard signature.count == 64 else { return nil }
        let integers = derInteger(signature[..<32]) + derInteger(signature[32...])
        return [0x30, UInt8(integers.count)] + integers
    }

    /// In the shortest form, with a leading zero if the first bit would make the number negative.
    private static func derInteger(_ number: ArraySlice<UInt8>) -> [UInt8] {
        var digits = Array(number.drop { $0 == 0 })
        if (digits.first ?? 0x80) >= 0x80 { digits.insert(0, at: 0) }
        return [0x02, UInt8(digits.count)] + digits
    }
}
