import CCrypto

/// Cryptographic digests of bytes.
package enum Digest {
    /// SHA-256 (FIPS 180-4): 32 bytes.
    package static func sha256(_ message: some Collection<UInt8>) -> [UInt8] {
        unsafe [UInt8](unsafeUninitializedCapacity: Int(EVP_MAX_MD_SIZE)) { digest, written in
            unsafe message.withContiguousBytes { message in
                var length: UInt32 = 0
                requireSuccess(
                    unsafe EVP_Digest(
                        message.baseAddress, message.count, digest.baseAddress, &length, algorithm, nil))
                written = Int(length)
            }
        }
    }

    /// Fetched once and never freed: fetching an algorithm costs libcrypto more than a short digest. Immutable.
    private nonisolated(unsafe) static let algorithm = unsafe EVP_MD_fetch(nil, "SHA256", nil)
}
