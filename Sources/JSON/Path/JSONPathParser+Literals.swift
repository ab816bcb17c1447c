import System

/// Literals (RFC 9535, sections 2.3.1 and 2.3.5).
extension JSONPathParser {
    /// A string between `'` or `"`, with its escapes resolved.
    mutating func quotedString() throws(JSONPathSyntaxError) -> String {
        let start = index
        let quote = bytes[index]
        index += 1
        var content: [UInt8] = []
        while true {
            guard let byte else { throw failure("the string that begins here has no end", at: start) }
            switch byte {
            case quote:
                index += 1
                return try string(of: content[...], at: start)
            case UInt8(ascii: "\\"): content += String(try escape(quote: quote)).utf8
            case ..<0x20: throw failure("control characters in strings must be escaped")
            default:
                content.append(byte)
                index += 1
            }
        }
    }

    /// The text of bytes in UTF-8. As those of documents, it may not have many combining marks in a row.
    func string(of content: ArraySlice<UInt8>, at start: Int) throws(JSONPathSyntaxError) -> String {
        let string = String(decoding: content, as: UTF8.self)
        guard !string.hasMarksInARow() else { throw failure("too many combining marks in a row", at: start) }
        return string
    }

    /// A wrong escape is reported at its backslash.
    private mutating func escape(quote: UInt8) throws(JSONPathSyntaxError) -> Unicode.Scalar {
        let start = index
        index += 1
        let escaped = byte
        index += 1
        switch escaped {
        case quote, UInt8(ascii: "\\"), UInt8(ascii: "/"): return Unicode.Scalar(escaped ?? quote)
        case UInt8(ascii: "b"): return "\u{8}"
        case UInt8(ascii: "f"): return "\u{c}"
        case UInt8(ascii: "n"): return "\n"
        case UInt8(ascii: "r"): return "\r"
        case UInt8(ascii: "t"): return "\t"
        case UInt8(ascii: "u"):
            if let scalar = escapedScalar() { return scalar }
            throw failure("expected four hexadecimal digits, or the escapes of a surrogate pair", at: start)
        default: throw failure("no such escape", at: start)
        }
    }

    /// The rest of `\u0041` or `\ud83d\ude00`, after the first `u`; nil for half of a surrogate pair.
    private mutating func escapedScalar() -> Unicode.Scalar? {
        guard let first = hexadecimalUnit() else { return nil }
        guard (0xD800..<0xDC00).contains(first) else { return Unicode.Scalar(first) }
        guard take("\\", "u"), let second = hexadecimalUnit(), (0xDC00..<0xE000).contains(second) else { return nil }
        return Unicode.Scalar(0x10000 + (first - 0xD800) << 10 + (second - 0xDC00))
    }

    private mutating func hexadecimalUnit() -> UInt32? {
        guard index + 4 <= bytes.count, bytes[index..<index + 4].allSatisfy(Hexadecimal.isDigit) else { return nil }
        defer { index += 4 }
        return UInt32(String(decoding: bytes[index..<index + 4], as: UTF8.self), radix: 16)
    }

    /// `(0 | -? [1-9][0-9]* | -0) (. [0-9]+)? ([eE] [+-]? [0-9]+)?`, which are the numbers of JSON.
    mutating func number() throws(JSONPathSyntaxError) -> JSON {
        let start = index
        while let byte, isDigit(byte) || "+-.eE".utf8.contains(byte) { index += 1 }
        do {
            return try JSON(parsing: Array(bytes[start..<index]))
        } catch {
            throw failure(error == .numberOutOfRange ? "the number is out of range" : "not a number", at: start)
        }
    }
}
