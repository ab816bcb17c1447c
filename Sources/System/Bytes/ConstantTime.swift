/// Whether both contain the same bytes, in a time that depends only on their length: for codes, tokens and hashes that
/// an attacker may try to guess byte by byte. The length itself is not kept secret.
package func constantTimeEquals(_ a: Span<UInt8>, _ b: Span<UInt8>) -> Bool {
    guard a.count == b.count else { return false }
    var difference: UInt8 = 0
    for index in a.indices { difference |= a[index] ^ b[index] }
    return difference == 0
}
