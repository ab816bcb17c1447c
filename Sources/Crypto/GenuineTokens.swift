/// Tokens whose signature has been checked, with what they say: a caller sends the same one with every request.
///
/// That a token is genuine holds as long as the keys do, and this lives no longer than they. All that changes with time
/// (its expiry, its session, its user) is for the caller to ask each time.
struct GenuineTokens {
    /// As many are known; at the next one all are forgotten. About half a megabyte.
    private static let capacity = 1_024

    struct Entry {
        private let token: String
        let claims: Claims

        init(_ token: String, _ claims: Claims) {
            self.token = token
            self.claims = claims
        }

        func isOf(_ other: String) -> Bool {
            // Strings are also equal that spell one text with other scalars; what equals ASCII so is longer.
            token.utf8.count == other.utf8.count && token == other
        }
    }

    /// By the end of the token: of two that share it, the later stays.
    private var entries: [UInt64: Entry] = [:]

    /// What is known of the token with that end, or of another one that shares it.
    subscript(end: UInt64) -> Entry? { entries[end] }

    mutating func remember(_ entry: Entry, end: UInt64) {
        if entries.count >= Self.capacity { entries.removeAll(keepingCapacity: true) }
        entries[end] = entry
    }

    mutating func forgetAll() { entries.removeAll(keepingCapacity: true) }

    /// The last bytes of the token, which its signature makes random.
    static func end(of token: String) -> UInt64 {
        let bytes = token.utf8Span.span
        var end: UInt64 = 0
        for index in max(0, bytes.count - 8)..<bytes.count { end = end << 8 | UInt64(bytes[index]) }
        return end
    }
}
