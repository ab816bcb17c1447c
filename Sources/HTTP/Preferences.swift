/// What a client prefers, from the fields `Prefer` of its request (RFC 7240): the preferences that this program knows.
package struct Preferences: Sendable, Equatable {
    /// For how many seconds the client waits for the response (section 4.3).
    package private(set) var wait: Int?
    /// Whether the client prefers a response before the call has had its effect (section 4.1).
    package private(set) var respondsAsync = false

    /// Elements that are not valid are ignored. If a preference is given twice, the first one counts.
    package init(_ headers: Headers) {
        guard let list = headers.list("prefer") else { return }
        var scanner = FieldScanner(list)
        var hasWait = false
        while !scanner.isAtEnd {
            switch scanner.preference() {
            case nil: scanner.skipElement()
            case ("wait", let value)? where !hasWait:
                hasWait = true
                wait = Preferences.seconds(value)
            case ("respond-async", "")?: respondsAsync = true
            default: break
            }
        }
    }

    /// A number without a sign; one that is too large for `Int` counts as the largest.
    private static func seconds(_ text: String) -> Int? {
        guard !text.isEmpty, text.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) else {
            return nil
        }
        return Int(text) ?? .max
    }
}

extension FieldScanner {
    /// The next preference, with its name in lower case, and the comma after it; nil if it is not valid. Its parameters
    /// are skipped.
    fileprivate mutating func preference() -> (name: String, value: String)? {
        skipSpace()
        guard let name = token(), let value = self.value() else { return nil }
        while skip(";") {
            skipSpace()
            if token() != nil, self.value() == nil { return nil }
        }
        return isAtEnd || skip(",") ? (name.lowercased(), value) : nil
    }

    /// The value after `=`, with the spaces around it; empty without one, nil if it is not valid.
    private mutating func value() -> String? {
        skipSpace()
        guard skip("=") else { return "" }
        skipSpace()
        defer { skipSpace() }
        return word()
    }
}
