import JSON

/// A text that contains queries in double braces, such as `Order {{ $.input.number }}`. `\{{` stands for two braces.
struct Template: Sendable {
    enum Part: Sendable {
        case text(String)
        case query(JSONPath)
    }

    let parts: [Part]

    /// The query, if the text is exactly one template: its value then keeps its type.
    var soleQuery: JSONPath? {
        if parts.count == 1, case .query(let query) = parts[0] { query } else { nil }
    }

    var queries: [JSONPath] { parts.compactMap { if case .query(let query) = $0 { query } else { nil } } }

    private static let opening = Array("{{".utf8)
    private static let closing = Array("}}".utf8)
    private static let backslash = UInt8(ascii: "\\")

    /// Whether the text may contain a template; most do not.
    static func isPossible(in text: String) -> Bool { text.utf8.contains(opening) }

    /// - Throws: where and why the text is not a template: a query that is not valid, or braces that are not closed.
    init(parsing text: String) throws(JSONPathSyntaxError) {
        let bytes = Array(text.utf8)
        var parts: [Part] = []
        // The text since the last query, which begins with what an escape has left of it.
        var literal: [UInt8] = []
        var index = 0
        while index < bytes.count {
            guard bytes[index...].starts(with: Self.opening) else {
                literal.append(bytes[index])
                index += 1
                continue
            }
            if literal.last == Self.backslash {
                literal.removeLast()
                literal += Self.opening
                index += 2
                continue
            }
            if !literal.isEmpty { parts.append(.text(String(decoding: literal, as: UTF8.self))) }
            literal = []
            let query = try Self.query(in: bytes, at: &index)
            parts.append(.query(query))
        }
        if !literal.isEmpty || parts.isEmpty { parts.append(.text(String(decoding: literal, as: UTF8.self))) }
        self.parts = parts
    }

    /// The query between the braces at `index`, which moves on behind them.
    private static func query(in bytes: [UInt8], at index: inout Int) throws(JSONPathSyntaxError) -> JSONPath {
        let start = skippingBlanks(in: bytes, from: index + opening.count)
        var end = start
        let query = try JSONPath(in: bytes, from: start, end: &end)
        end = skippingBlanks(in: bytes, from: end)
        guard bytes[end...].starts(with: closing) else {
            throw JSONPathSyntaxError("expected '.', '[' or '}}'", at: end, in: bytes)
        }
        index = end + closing.count
        return query
    }

    private static func skippingBlanks(in bytes: [UInt8], from start: Int) -> Int {
        bytes[start...].firstIndex { ![0x20, 0x09, 0x0a, 0x0d].contains($0) } ?? bytes.count
    }
}
