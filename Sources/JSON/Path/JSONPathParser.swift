import System

/// Reads one query from the front to the back by recursive descent (RFC 9535, appendix A). Its bytes are UTF-8.
///
/// A query is checked for types while it is read: an expression that is not well-typed has no form in the syntax tree.
struct JSONPathParser {
    let bytes: [UInt8]
    /// The byte to read next.
    var index: Int
    private let start: Int
    private var nesting = 0

    init(bytes: [UInt8], from start: Int) {
        self.bytes = bytes
        self.start = start
        index = start
    }

    var byte: UInt8? { index < bytes.count ? bytes[index] : nil }

    /// An error at `offset`, or at the next byte.
    func failure(_ reason: String, at offset: Int? = nil) -> JSONPathSyntaxError {
        JSONPathSyntaxError(reason, at: offset ?? index, in: bytes)
    }

    /// Consumes the character, if it is next.
    mutating func take(_ character: Unicode.Scalar) -> Bool {
        guard byte == UInt8(ascii: character) else { return false }
        index += 1
        return true
    }

    /// Consumes these two characters, if they are next.
    mutating func take(_ first: Unicode.Scalar, _ second: Unicode.Scalar) -> Bool {
        guard byte == UInt8(ascii: first), index + 1 < bytes.count, bytes[index + 1] == UInt8(ascii: second) else {
            return false
        }
        index += 2
        return true
    }

    mutating func skipBlanks() {
        while let byte, byte == UInt8(ascii: " ") || byte == 9 || byte == 10 || byte == 13 { index += 1 }
    }

    /// Reads something that contains further expressions.
    mutating func nested<Value>(
        _ read: (inout JSONPathParser) throws(JSONPathSyntaxError) -> Value
    ) throws(JSONPathSyntaxError) -> Value {
        guard nesting < JSONPath.maximumNesting else {
            throw failure("more than \(JSONPath.maximumNesting) filters, parentheses and calls inside each other")
        }
        nesting += 1
        let value = try read(&self)
        nesting -= 1
        return value
    }
}

/// Queries, segments and selectors.
extension JSONPathParser {
    /// A query from the root, from the first byte on.
    mutating func wholeQuery() throws(JSONPathSyntaxError) -> JSONPath.Query {
        guard take("$") else { throw failure("a query begins with '$'") }
        let query = try query(from: .root)
        guard index - start <= JSONPath.maximumLength else {
            throw failure("the query is longer than \(JSONPath.maximumLength) bytes", at: start)
        }
        return query
    }

    /// The segments after `$` or `@`. Blanks after the last one are not consumed.
    mutating func query(from origin: JSONPath.Query.Origin) throws(JSONPathSyntaxError) -> JSONPath.Query {
        var segments: [JSONPath.Segment] = []
        while true {
            let end = index
            skipBlanks()
            guard let segment = try segment() else {
                index = end
                return JSONPath.Query(origin: origin, segments: segments)
            }
            segments.append(segment)
        }
    }

    /// Nil if no segment begins here.
    private mutating func segment() throws(JSONPathSyntaxError) -> JSONPath.Segment? {
        if take("[") { return JSONPath.Segment(isDescendant: false, selectors: try selectors()) }
        if take(".", ".") {
            let selectors = take("[") ? try selectors() : [try shorthand("expected a name, '*' or '[' after '..'")]
            return JSONPath.Segment(isDescendant: true, selectors: selectors)
        }
        guard take(".") else { return nil }
        return JSONPath.Segment(isDescendant: false, selectors: [try shorthand("expected a name or '*' after '.'")])
    }

    /// A name without quotation marks, or `*`.
    private mutating func shorthand(_ expected: String) throws(JSONPathSyntaxError) -> JSONPath.Selector {
        if take("*") { return .wildcard }
        let start = index
        guard let first = byte, isNameByte(first), !isDigit(first) else { throw failure(expected) }
        while let byte, isNameByte(byte) { index += 1 }
        return .name(try string(of: bytes[start..<index], at: start))
    }

    /// Letters, digits, `_`, and all beyond ASCII.
    private func isNameByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "_"), 0x80...:
            true
        default: isDigit(byte)
        }
    }

    func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }

    /// The selectors between brackets, after the opening one.
    private mutating func selectors() throws(JSONPathSyntaxError) -> [JSONPath.Selector] {
        var selectors: [JSONPath.Selector] = []
        repeat {
            skipBlanks()
            selectors.append(try selector())
            skipBlanks()
        } while take(",")
        guard take("]") else { throw failure("expected ',' or ']'") }
        return selectors
    }

    private mutating func selector() throws(JSONPathSyntaxError) -> JSONPath.Selector {
        switch byte {
        case UInt8(ascii: "'"), UInt8(ascii: "\""): return .name(try quotedString())
        case UInt8(ascii: "*"):
            index += 1
            return .wildcard
        case UInt8(ascii: "?"):
            index += 1
            skipBlanks()
            return .filter(try nested { parser throws(JSONPathSyntaxError) in try parser.logicalExpression() })
        case UInt8(ascii: ":"): return try slice(from: nil)
        default:
            guard let start = try integer() else {
                throw failure("expected a name in quotation marks, an index, a slice, '*' or '?'")
            }
            let end = index
            skipBlanks()
            if byte == UInt8(ascii: ":") { return try slice(from: start) }
            index = end
            return .index(start)
        }
    }

    /// The rest of a slice, from its first colon on.
    private mutating func slice(from start: Int?) throws(JSONPathSyntaxError) -> JSONPath.Selector {
        index += 1
        skipBlanks()
        let end = try integer()
        skipBlanks()
        guard take(":") else { return .slice(JSONPath.Slice(start: start, end: end, step: 1)) }
        skipBlanks()
        return .slice(JSONPath.Slice(start: start, end: end, step: try integer() ?? 1))
    }

    /// Nil if no integer begins here.
    private mutating func integer() throws(JSONPathSyntaxError) -> Int? {
        let start = index
        let isNegative = take("-")
        var magnitude = 0
        while let byte, isDigit(byte) {
            magnitude = magnitude * 10 + Int(byte - UInt8(ascii: "0"))
            guard magnitude <= JSONPath.integers else {
                throw failure("an integer is at most \(JSONPath.integers), with either sign", at: start)
            }
            index += 1
        }
        let digits = bytes[start..<index].drop { $0 == UInt8(ascii: "-") }
        guard let first = digits.first else {
            if isNegative { throw failure("expected a digit after '-'") }
            return nil
        }
        guard first != UInt8(ascii: "0") || digits.count == 1 && !isNegative else {
            throw failure("an integer has no leading zeros, and 0 no sign", at: start)
        }
        return isNegative ? -magnitude : magnitude
    }
}
