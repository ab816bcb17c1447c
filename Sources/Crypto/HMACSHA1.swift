import CCrypto

/// HMAC with SHA-1 (RFC 2104), only for one-time passwords: every authenticator app computes it.
package enum HMACSHA1 {
    /// The authentication code of the message: 20 bytes.
    package static func code(for message: [UInt8], key: [UInt8]) -> [UInt8] {
        unsafe [UInt8](unsafeUninitializedCapacity: 20) { code, written in
            let address = unsafe EVP_Q_mac(
                nil, OSSL_MAC_NAME_HMAC, nil, "SHA1", nil, key, key.count, message, message.count,
                code.baseAddress, code.count, &written)
            requireSuccess(unsafe address == nil ? 0 : 1)
        }
    }
}
