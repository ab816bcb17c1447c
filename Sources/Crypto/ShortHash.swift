import CSodium

/// A keyed digest of 64 bits (SipHash-2-4), for the keys of tables: who does not know its key cannot choose messages
/// that collide. It takes a twentieth of the time of an HMAC, and is too short to prove that a message is genuine.
package struct ShortHash: Sendable {
    private let key: [UInt8]

    /// - Parameter secret: at least 16 bytes, of which the first 16 are used.
    package init(key secret: [UInt8]) {
        precondition(secret.count >= Int(crypto_shorthash_KEYBYTES), "the key has 16 bytes")
        key = Array(secret.prefix(Int(crypto_shorthash_KEYBYTES)))
    }

    package func digest(of message: String) -> UInt64 {
        let bytes = message.utf8Span.span
        var digest: UInt64 = 0
        unsafe withUnsafeMutableBytes(of: &digest) { digest in
            guard let digest = digest.baseAddress else { return }
            unsafe bytes.withUnsafeBytes { message in
                _ = unsafe crypto_shorthash(digest, message.baseAddress, UInt64(message.count), key)
            }
        }
        return digest
    }
}
