import CCrypto

/// Whether both contain the same bytes, in a time that depends only on their length: for codes, tokens and hashes that
/// an attacker may try to guess byte by byte. The length itself is not kept secret.
package func constantTimeEquals(_ a: [UInt8], _ b: [UInt8]) -> Bool {
    guard a.count == b.count else { return false }
    return unsafe CRYPTO_memcmp(a, b, a.count) == 0
}
