import Synchronization

/// Tokens whose signature has been checked, with what they say: a caller sends the same one with every request.
///
/// That a token is genuine holds as long as the keys do, and this lives no longer than they. All that changes with time
/// (its expiry, its session, its user) is for the caller to ask each time.
final class GenuineTokens: Sendable {
    /// As many are known; at the next one all are forgotten. About half a megabyte.
    private static let capacity = 1_024

    private struct Entry {
        let token: String
        let claims: Claims
    }

    /// By the last bytes of the token, which its signature makes random: of two that share them, the later stays.
    private let entries = Mutex<[UInt64: Entry]>([:])

    subscript(token: String) -> Claims? {
        let end = Self.end(of: token)
        guard let entry = entries.withLock({ $0[end] }) else { return nil }
        // Strings are also equal that spell one text with other scalars; what equals ASCII so is longer.
        return entry.token.utf8.count == token.utf8.count && entry.token == token ? entry.claims : nil
    }

    func remember(_ token: String, _ claims: Claims) {
        let end = Self.end(of: token)
        entries.withLock { entries in
            if entries.count >= Self.capacity { entries.removeAll(keepingCapacity: true) }
            entries[end] = Entry(token: token, claims: claims)
        }
    }

    private static func end(of token: String) -> UInt64 {
        let bytes = token.utf8Span.span
        var end: UInt64 = 0
        for index in max(0, bytes.count - 8)..<bytes.count { end = end << 8 | UInt64(bytes[index]) }
        return end
    }
}
