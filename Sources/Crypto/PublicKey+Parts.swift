import CCrypto

/// The numbers that make up a public key, as keys are published.
package enum PublicKeyParts {
    /// Both numbers most significant byte first, without leading zeros.
    case rsa(modulus: [UInt8], exponent: [UInt8])
    /// The coordinates of a point of P-256.
    case p256(x: [UInt8], y: [UInt8])
    case ed25519([UInt8])

    fileprivate var algorithm: SignatureAlgorithm {
        switch self {
        case .rsa: .rs256
        case .p256: .es256
        case .ed25519: .edDSA
        }
    }
}

extension PublicKey {
    /// Nil for parts that are not a valid key, and for an RSA key of less than 2048 or more than 8192 bits.
    package convenience init?(id: String?, parts: PublicKeyParts) {
        let key: OpaquePointer? =
            switch parts {
            case .rsa(let modulus, let exponent): unsafe Self.rsaKey(modulus: modulus, exponent: exponent)
            case .p256(let x, let y): unsafe Self.p256Key(x: x, y: y)
            case .ed25519(let point): unsafe Self.ed25519Key(point)
            }
        guard let key = unsafe key else { return nil }
        unsafe self.init(id: id, algorithm: parts.algorithm, key: key)
    }

    /// RFC 7518, section 6.3.1: both are positive numbers, most significant byte first and never zero.
    private static func rsaKey(modulus: [UInt8], exponent: [UInt8]) -> OpaquePointer? {
        guard let high = modulus.first, high != 0, let low = modulus.last, low % 2 == 1,
            // The longer the number, the longer a signature takes to check; no issuer needs more than 8192 bits.
            (2048...8192).contains(modulus.count * 8 - high.leadingZeroBitCount),
            exponent.count <= 8, exponent.first != 0, let last = exponent.last, last % 2 == 1,
            exponent != [1]
        else { return nil }
        let n = unsafe BN_bin2bn(modulus, Int32(modulus.count), nil)
        let e = unsafe BN_bin2bn(exponent, Int32(exponent.count), nil)
        defer {
            unsafe BN_free(n)
            unsafe BN_free(e)
        }
        return unsafe makeKey("RSA") { builder in
            requireSuccess(unsafe OSSL_PARAM_BLD_push_BN(builder, ("n" as StaticString).cString, n))
            requireSuccess(unsafe OSSL_PARAM_BLD_push_BN(builder, ("e" as StaticString).cString, e))
        }
    }

    /// RFC 7518, section 6.2.1: both coordinates are 32 bytes long. libcrypto refuses a point that is not on the curve.
    private static func p256Key(x: [UInt8], y: [UInt8]) -> OpaquePointer? {
        guard x.count == 32, y.count == 32 else { return nil }
        // Uncompressed (SEC 1, section 2.3.3).
        return unsafe ([0x04] + x + y).withContiguousBytes { point in
            unsafe makeKey("EC") { builder in
                let group = "P-256" as StaticString
                requireSuccess(
                    unsafe OSSL_PARAM_BLD_push_utf8_string(
                        builder, ("group" as StaticString).cString, group.cString, group.utf8CodeUnitCount))
                requireSuccess(
                    unsafe OSSL_PARAM_BLD_push_octet_string(
                        builder, ("pub" as StaticString).cString, point.baseAddress, point.count))
            }
        }
    }

    /// RFC 8037, section 2.
    private static func ed25519Key(_ point: [UInt8]) -> OpaquePointer? {
        guard point.count == 32 else { return nil }
        return unsafe point.withContiguousBytes { point in
            unsafe makeKey("ED25519") { builder in
                requireSuccess(
                    unsafe OSSL_PARAM_BLD_push_octet_string(
                        builder, ("pub" as StaticString).cString, point.baseAddress, point.count))
            }
        }
    }

    /// The key made from the parameters that `fill` adds to the builder; nil if libcrypto refuses them.
    private static func makeKey(_ type: String, _ fill: (_ builder: OpaquePointer?) -> Void) -> OpaquePointer? {
        let builder = unsafe OSSL_PARAM_BLD_new()
        defer { unsafe OSSL_PARAM_BLD_free(builder) }
        unsafe fill(builder)
        let parameters = unsafe OSSL_PARAM_BLD_to_param(builder)
        defer { unsafe OSSL_PARAM_free(parameters) }
        let context = unsafe EVP_PKEY_CTX_new_from_name(nil, type, nil)
        defer { unsafe EVP_PKEY_CTX_free(context) }
        requireSuccess(unsafe EVP_PKEY_fromdata_init(context))
        var key: OpaquePointer?
        // EVP_PKEY_PUBLIC_KEY, a macro that Swift cannot import.
        let publicKey = OSSL_KEYMGMT_SELECT_ALL_PARAMETERS | OSSL_KEYMGMT_SELECT_PUBLIC_KEY
        let status = unsafe EVP_PKEY_fromdata(context, &key, publicKey, parameters)
        return unsafe status == 1 ? key : nil
    }
}
