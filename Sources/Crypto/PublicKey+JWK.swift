import CCrypto
package import JSON

extension PublicKey {
    /// Parses a JSON Web Key (RFC 7517, section 4) that verifies signatures: RSA of 2048 to 8192 bits, P-256 or
    /// Ed25519.
    ///
    /// Nil for any other key, for one with another use or algorithm, and for one that contains its private part: anyone
    /// who has read it can sign too.
    package convenience init?(jwk: JSON) {
        let algorithm: SignatureAlgorithm
        let key: OpaquePointer?
        switch (jwk["kty"]?.stringValue, jwk["crv"]?.stringValue) {
        case ("RSA", _):
            algorithm = .rs256
            unsafe key = Self.rsaKey(modulus: jwk.bytes("n"), exponent: jwk.bytes("e"))
        case ("EC", "P-256"):
            algorithm = .es256
            unsafe key = Self.p256Key(x: jwk.bytes("x"), y: jwk.bytes("y"))
        case ("OKP", "Ed25519"):
            algorithm = .edDSA
            unsafe key = Self.ed25519Key(jwk.bytes("x"))
        default: return nil
        }
        guard let key = unsafe key else { return nil }
        unsafe self.init(id: jwk["kid"]?.stringValue, algorithm: algorithm, key: key)
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

    /// RFC 7518, section 6.3.1: both are positive numbers, most significant byte first and never zero.
    private static func rsaKey(modulus: [UInt8]?, exponent: [UInt8]?) -> OpaquePointer? {
        guard let modulus, let high = modulus.first, high != 0, let low = modulus.last, low % 2 == 1,
            // The longer the number, the longer a signature takes to check; no issuer needs more than 8192 bits.
            (2048...8192).contains(modulus.count * 8 - high.leadingZeroBitCount),
            let exponent, exponent.count <= 8, exponent.first != 0, let last = exponent.last, last % 2 == 1,
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
    private static func p256Key(x: [UInt8]?, y: [UInt8]?) -> OpaquePointer? {
        guard let x, let y, x.count == 32, y.count == 32 else { return nil }
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
    private static func ed25519Key(_ x: [UInt8]?) -> OpaquePointer? {
        guard let x, x.count == 32 else { return nil }
        return unsafe x.withContiguousBytes { point in
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

extension JSON {
    /// The decoded bytes of a base64url member.
    fileprivate func bytes(_ name: String) -> [UInt8]? {
        self[name]?.stringValue.flatMap { Base64URL.decode($0.utf8) }
    }
}
