import CCrypto

/// Whether both hold the same bytes, in a time that depends on their length only: for codes, tokens and hashes that
/// a stranger may try to guess byte by byte. The length itself is not kept secret.
package func constantTimeEquals(_ a: [UInt8], _ b: [UInt8]) -> Bool {
    guard a.count == b.count else { return false }
    return unsafe CRYPTO_memcmp(a, b, a.count) == 0
}
