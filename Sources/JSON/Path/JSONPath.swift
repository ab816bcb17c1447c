/// A JSONPath query (RFC 9535): parsed once, evaluated on any number of values. Its expressions are well-typed.
package struct JSONPath: Sendable {
    /// The maximum length of a query in bytes.
    package static let maximumLength = 10_000
    /// How deep filters, parentheses and function calls may be nested. The parser recurses so deep.
    package static let maximumNesting = 32
    /// Indices and the numbers of slices are at least `-integers` and at most this: those that JSON texts exchange
    /// exactly (RFC 9535, section 2.1, and RFC 7493, section 2.2).
    package static let integers = (1 << 53) - 1

    /// The query as it was written.
    package let text: String
    let query: Query

    /// Parses a query that is the whole text.
    package init(parsing text: String) throws(JSONPathSyntaxError) {
        let bytes = Array(text.utf8)
        var parser = JSONPathParser(bytes: bytes, from: 0)
        query = try parser.wholeQuery()
        guard parser.index == bytes.count else { throw parser.failure("expected '.', '[' or the end of the query") }
        self.text = text
    }

    /// Parses a query that starts at the offset `start` of a longer text in UTF-8, such as `{{ $.input }}`. It ends
    /// before the first byte that cannot continue it: `end` is that byte's offset. Blanks at its end are not part of
    /// it. The position of an error is that in the longer text.
    package init(in bytes: [UInt8], from start: Int, end: inout Int) throws(JSONPathSyntaxError) {
        var parser = JSONPathParser(bytes: bytes, from: start)
        query = try parser.wholeQuery()
        end = parser.index
        text = String(decoding: bytes[start..<end], as: UTF8.self)
    }

    /// Whether the query selects at most one node of any value (RFC 9535, section 1.1): it has names and single indices
    /// only.
    package var isSingular: Bool { query.steps != nil }

    /// The names with which the query begins, up to the first segment that is not one name: of `$.tasks.a[0].b`, they
    /// are `tasks` and `a`.
    package var leadingNames: [String] { query.leadingNames }

    /// The same for this query and then for each query in its filters that starts at the root.
    package var allLeadingNames: [[String]] {
        var names = [leadingNames]
        query.visitQueriesInFilters { if $0.origin == .root { names.append($0.leadingNames) } }
        return names
    }
}

/// Why a text is not a query, and where.
package struct JSONPathSyntaxError: Error, Equatable, CustomStringConvertible {
    /// For people; it quotes at most a name of the query.
    package let reason: String
    /// The place of the first byte that is wrong, or of the expression that is.
    package let position: TextPosition
    /// The offset of that byte.
    package let offset: Int

    /// - Parameter offset: of the byte in the text.
    package init(_ reason: String, at offset: Int, in bytes: [UInt8]) {
        self.reason = reason
        self.offset = offset
        position = TextPosition(of: offset, in: bytes)
    }

    package var description: String { "line \(position.line), column \(position.column): \(reason)" }
}
