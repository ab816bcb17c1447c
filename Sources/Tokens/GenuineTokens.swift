/// A cache of tokens with a checked signature, with their claims: a client sends the same one with every
/// request.
///
/// A token is genuine as long as the keys are in use, and the cache is cleared when they change. What changes with time
/// (its expiry, its session, its user) the caller must check each time.
struct GenuineTokens {
    /// The maximum number of entries, about half a megabyte; the next one clears the cache.
    private static let capacity = 1_024

    struct Entry {
        private let token: String
        let claims: Claims

        init(_ token: String, _ claims: Claims) {
            self.token = token
            self.claims = claims
        }

        func isOf(_ other: String) -> Bool {
            // Strings are also equal if they spell one text with other scalars; such a spelling of ASCII has more
            // bytes.
            token.utf8.count == other.utf8.count && token == other
        }
    }

    /// By the end of the token; of two tokens with the same end, the later one stays.
    private var entries: [UInt64: Entry] = [:]

    /// The entry of the token with that end, or of another token with the same end.
    subscript(end: UInt64) -> Entry? { entries[end] }

    mutating func store(_ entry: Entry, end: UInt64) {
        if entries.count >= Self.capacity { entries.removeAll(keepingCapacity: true) }
        entries[end] = entry
    }

    mutating func removeAll() { entries.removeAll(keepingCapacity: true) }

    /// The last bytes of the token, which its signature makes random.
    static func end(of token: String) -> UInt64 {
        let bytes = token.utf8Span.span
        var end: UInt64 = 0
        for index in max(0, bytes.count - 8)..<bytes.count { end = end << 8 | UInt64(bytes[index]) }
        return end
    }
}
