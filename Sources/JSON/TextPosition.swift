/// A place in a text. Lines and columns count from 1, columns in Unicode scalars.
package struct TextPosition: Sendable, Equatable {
    package let line: Int
    package let column: Int

    package init(line: Int, column: Int) {
        self.line = line
        self.column = column
    }

    /// The place of the byte at `offset`, or the end of the text.
    init(of offset: Int, in bytes: [UInt8]) {
        let before = bytes[..<offset]
        let newline = UInt8(ascii: "\n")
        let lineStart = before.lastIndex(of: newline).map { $0 + 1 } ?? 0
        line = before.count { $0 == newline } + 1
        // The continuation bytes of UTF-8 are not counted.
        column = bytes[lineStart..<offset].count { $0 & 0xC0 != 0x80 } + 1
    }

    /// Where a document first breaks the grammar of RFC 8259; nil if it does not. simdjson does not report this, so a
    /// document that it refuses is read again.
    package init?(ofSyntaxErrorIn bytes: [UInt8]) {
        var scan = GrammarScan(bytes: bytes)
        guard !scan.isDocument() else { return nil }
        self.init(of: scan.index, in: bytes)
    }
}

/// One pass over a document, up to the first byte that the grammar does not allow. It does not recurse.
private struct GrammarScan {
    private enum Expected {
        case value, firstElement, firstName, name, colon, comma, nothing
    }

    let bytes: [UInt8]
    private(set) var index = 0
    /// The brackets that end the open arrays and objects.
    private var open: [UInt8] = []

    init(bytes: [UInt8]) { self.bytes = bytes }

    /// If false, `index` is the first wrong byte, or the end.
    mutating func isDocument() -> Bool {
        var expected = Expected.value
        while true {
            skip { $0 == UInt8(ascii: " ") || (9...10).contains($0) || $0 == 13 }
            guard let byte else { return expected == .nothing }
            switch (expected, byte) {
            case (.value, UInt8(ascii: "[")), (.firstElement, UInt8(ascii: "[")):
                expected = enter(until: "]", .firstElement)
            case (.value, UInt8(ascii: "{")), (.firstElement, UInt8(ascii: "{")):
                expected = enter(until: "}", .firstName)
            case (.firstElement, UInt8(ascii: "]")), (.firstName, UInt8(ascii: "}")): expected = leave()
            case (.value, _), (.firstElement, _):
                guard isScalar(byte) else { return false }
                expected = afterValue
            case (.firstName, UInt8(ascii: "\"")), (.name, UInt8(ascii: "\"")):
                guard isString() else { return false }
                expected = .colon
            case (.colon, UInt8(ascii: ":")):
                index += 1
                expected = .value
            case (.comma, UInt8(ascii: ",")):
                index += 1
                expected = open.last == UInt8(ascii: "}") ? .name : .value
            case (.comma, _) where byte == open.last: expected = leave()
            default: return false
            }
        }
    }

    private var byte: UInt8? { index < bytes.count ? bytes[index] : nil }

    private var afterValue: Expected { open.isEmpty ? .nothing : .comma }

    private mutating func enter(until end: Unicode.Scalar, _ expected: Expected) -> Expected {
        index += 1
        open.append(UInt8(ascii: end))
        return expected
    }

    private mutating func leave() -> Expected {
        index += 1
        open.removeLast()
        return afterValue
    }

    @discardableResult
    private mutating func skip(_ matches: (UInt8) -> Bool) -> Int {
        let start = index
        while let byte, matches(byte) { index += 1 }
        return index - start
    }

    /// Consumes one of these bytes, if it is next.
    private mutating func take(_ choices: String) -> Bool {
        guard let byte, choices.utf8.contains(byte) else { return false }
        index += 1
        return true
    }

    private mutating func isScalar(_ first: UInt8) -> Bool {
        switch first {
        case UInt8(ascii: "\""): isString()
        case UInt8(ascii: "t"): isWord("true")
        case UInt8(ascii: "f"): isWord("false")
        case UInt8(ascii: "n"): isWord("null")
        default: isNumber()
        }
    }

    private mutating func isWord(_ word: String) -> Bool {
        for letter in word.utf8 {
            guard byte == letter else { return false }
            index += 1
        }
        return true
    }

    /// `-? (0 | [1-9][0-9]*) (. [0-9]+)? ([eE] [+-]? [0-9]+)?`
    private mutating func isNumber() -> Bool {
        _ = take("-")
        guard take("0") || hasDigits() else { return false }
        if take("."), !hasDigits() { return false }
        guard take("eE") else { return true }
        _ = take("+-")
        return hasDigits()
    }

    private mutating func hasDigits() -> Bool { skip { (0x30...0x39).contains($0) } > 0 }

    private mutating func isString() -> Bool {
        index += 1
        while true {
            skip { $0 >= 0x20 && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "\\") }
            if take("\"") { return true }
            guard byte == UInt8(ascii: "\\"), isEscape() else { return false }
        }
    }

    /// A wrong escape is reported at its backslash.
    private mutating func isEscape() -> Bool {
        let start = index
        index += 1
        if take("\"\\/bfnrt") { return true }
        if let unit = unit() {
            if !(0xD800...0xDFFF).contains(unit) { return true }
            if unit < 0xDC00, take("\\"), let second = self.unit(), (0xDC00...0xDFFF).contains(second) { return true }
        }
        index = start
        return false
    }

    /// Consumes the rest of `\u0041`.
    private mutating func unit() -> UInt16? {
        guard take("u"), index + 4 <= bytes.count else { return nil }
        var unit: UInt16 = 0
        for digit in bytes[index..<index + 4] {
            guard let value = Character(Unicode.Scalar(digit)).hexDigitValue else { return nil }
            unit = unit << 4 | UInt16(value)
        }
        index += 4
        return unit
    }
}
