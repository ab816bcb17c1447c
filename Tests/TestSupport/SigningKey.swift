import CCrypto
package import Crypto
package import JSON

/// A new key pair of a token issuer.
@safe package final class SigningKey: Sendable {
    package let id: String
    package let algorithm: SignatureAlgorithm
    /// Not changed after `init`.
    private nonisolated(unsafe) let key: OpaquePointer

    package init(_ algorithm: SignatureAlgorithm, id: String) throws {
        let type =
            switch algorithm {
            case .rs256: "RSA"
            case .es256: "EC"
            case .edDSA: "ED25519"
            }
        let context = unsafe EVP_PKEY_CTX_new_from_name(nil, type, nil)
        defer { unsafe EVP_PKEY_CTX_free(context) }
        var key: OpaquePointer?
        guard unsafe EVP_PKEY_keygen_init(context) == 1,
            unsafe algorithm != .es256 || EVP_PKEY_CTX_set_group_name(context, "P-256") == 1,
            unsafe EVP_PKEY_generate(context, &key) == 1, let key = unsafe key
        else { throw TestFailure("no key of type \(type)") }
        self.id = id
        self.algorithm = algorithm
        unsafe self.key = unsafe key
    }

    deinit { unsafe EVP_PKEY_free(key) }

    /// The public key as the issuer publishes it.
    package var jwk: JSON {
        switch algorithm {
        case .rs256: ["kty": "RSA", "kid": .string(id), "use": "sig", "n": number("n"), "e": number("e")]
        case .es256: ["kty": "EC", "kid": .string(id), "crv": "P-256", "x": number("qx"), "y": number("qy")]
        case .edDSA: ["kty": "OKP", "kid": .string(id), "crv": "Ed25519", "x": rawKey]
        }
    }

    private func number(_ name: String) -> JSON {
        var number: OpaquePointer?
        defer { unsafe BN_free(number) }
        guard unsafe EVP_PKEY_get_bn_param(key, name, &number) == 1 else { return .null }
        let length = algorithm == .es256 ? 32 : unsafe (BN_num_bits(number) + 7) / 8
        var bytes = [UInt8](repeating: 0, count: Int(length))
        _ = unsafe BN_bn2binpad(number, &bytes, length)
        return .string(Base64URL.encode(bytes))
    }

    private var rawKey: JSON {
        var bytes = [UInt8](repeating: 0, count: 32)
        var length = bytes.count
        _ = unsafe EVP_PKEY_get_raw_public_key(key, &bytes, &length)
        return .string(Base64URL.encode(bytes))
    }

    /// The signature in the format of tokens (RFC 7515, section 5.1).
    package func signature(of message: some Collection<UInt8>) -> [UInt8] {
        let signature = librarySignature(of: Array(message))
        guard algorithm == .es256 else { return signature }
        // A DER sequence of two integers. Every length is below 128 and takes one byte.
        let r = signature[4...].prefix(Int(signature[3]))
        let s = signature[(r.endIndex + 2)...]
        return padded(r) + padded(s)
    }

    /// The signature in the format of libcrypto, which is DER for ES256.
    package func librarySignature(of message: [UInt8]) -> [UInt8] {
        let context = unsafe EVP_MD_CTX_new()
        defer { unsafe EVP_MD_CTX_free(context) }
        var signature = [UInt8](repeating: 0, count: 512)
        var length = signature.count
        let digest = algorithm == .edDSA ? nil : "SHA256"
        let isSigned =
            unsafe EVP_DigestSignInit_ex(context, nil, digest, nil, nil, key, nil) == 1
            && EVP_DigestSign(context, &signature, &length, message, message.count) == 1
        return isSigned ? Array(signature.prefix(length)) : []
    }

    private func padded(_ integer: ArraySlice<UInt8>) -> [UInt8] {
        let digits = integer.drop { $0 == 0 }
        return [UInt8](repeating: 0, count: 32 - digits.count) + digits
    }

    /// A signed token with this payload.
    ///
    /// - Parameter header: members that replace the default ones; nil removes one.
    package func token(_ payload: JSON, header changes: [String: JSON?] = [:]) -> String {
        let message = unsignedToken(payload, header: changes)
        return message + "." + Base64URL.encode(signature(of: message.utf8))
    }

    /// The header and payload of such a token.
    package func unsignedToken(_ payload: JSON, header changes: [String: JSON?] = [:]) -> String {
        var header = JSONObject([
            .init(name: "alg", value: .string(algorithm.rawValue)), .init(name: "typ", value: "JWT"),
            .init(name: "kid", value: .string(id)),
        ])
        for (name, value) in changes { header[name] = value }
        return [JSON.object(header), payload].map { Base64URL.encode($0.serialized()) }.joined(separator: ".")
    }
}
