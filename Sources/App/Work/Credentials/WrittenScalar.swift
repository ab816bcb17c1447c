/// The forms in which one character of a secret can be written.
enum WrittenScalar {
    /// Where the scalar ends if it begins at one of the positions.
    static func ends(of scalar: Unicode.Scalar, at positions: [Int], in bytes: [UInt8]) -> [Int] {
        if positions.count == 1 { return ends(of: scalar, at: positions[0], in: bytes) }
        return Array(Set(positions.flatMap { ends(of: scalar, at: $0, in: bytes) }))
    }

    private static func ends(of scalar: Unicode.Scalar, at position: Int, in bytes: [UInt8]) -> [Int] {
        guard position < bytes.count else { return [] }
        let itself = end(ofRaw: scalar, at: position, in: bytes)
        switch bytes[position] {
        case UInt8(ascii: "+") where scalar == " ": return [position + 1]
        case UInt8(ascii: "%"):
            return itself + (percentEncoded(Array(String(scalar).utf8), at: position, in: bytes).map { [$0] } ?? [])
        case UInt8(ascii: "&"): return itself + references(to: scalar, at: position + 1, in: bytes)
        case UInt8(ascii: "\\"):
            let doubled = scalar == "\\" ? backslashes(at: position, in: bytes) : []
            guard let start = endOfBackslashes(at: position, in: bytes) else { return itself + doubled }
            let end = escaped(scalar, at: start, in: bytes).map { [$0] } ?? []
            let ampersand = escaped("&", at: start, in: bytes)
            return itself + doubled + end + (ampersand.map { references(to: scalar, at: $0, in: bytes) } ?? [])
        default: return itself
        }
    }

    private static func end(ofRaw scalar: Unicode.Scalar, at position: Int, in bytes: [UInt8]) -> [Int] {
        if scalar.isASCII { return bytes[position] == UInt8(scalar.value) ? [position + 1] : [] }
        let raw = String(scalar).utf8
        return bytes[position...].starts(with: raw) ? [position + raw.count] : []
    }

    private static func percentEncoded(_ raw: [UInt8], at position: Int, in bytes: [UInt8]) -> Int? {
        var position = position
        for byte in raw {
            guard position < bytes.count, bytes[position] == UInt8(ascii: "%"),
                number(at: position + 1, digits: 2, in: bytes) == UInt32(byte)
            else { return nil }
            position += 3
        }
        return position
    }

    /// As many backslashes as JSON has within three strings of JSON.
    private static let maximumBackslashes = 8

    /// Where as many backslashes end as can be before an escaped character; nil if there are more.
    private static func endOfBackslashes(at start: Int, in bytes: [UInt8]) -> Int? {
        var position = start
        while position < bytes.count, bytes[position] == UInt8(ascii: "\\") {
            position += 1
            if position - start > maximumBackslashes { return nil }
        }
        return position < bytes.count ? position : nil
    }

    /// Where `\"`, `\/` or `\u0022` ends, each with further backslashes if the JSON is within a string of JSON.
    ///
    /// - Parameter start: after the backslashes.
    private static func escaped(_ scalar: Unicode.Scalar, at start: Int, in bytes: [UInt8]) -> Int? {
        var position = start
        if "\"/'".unicodeScalars.contains(scalar), bytes[position] == UInt8(scalar.value) { return position + 1 }
        // A character outside of the basic plane is a surrogate pair.
        var isFirst = true
        for unit in UTF16.encode(scalar) ?? .init() {
            if !isFirst {
                guard position < bytes.count, bytes[position] == UInt8(ascii: "\\") else { return nil }
                position += 1
            }
            isFirst = false
            guard position < bytes.count, bytes[position] == UInt8(ascii: "u"),
                number(at: position + 1, digits: 4, in: bytes) == UInt32(unit)
            else { return nil }
            position += 5
        }
        return position
    }

    /// After two, four or more backslashes, of which each pair stands for one.
    private static func backslashes(at position: Int, in bytes: [UInt8]) -> [Int] {
        let count = bytes[position...].prefix(maximumBackslashes).prefix { $0 == UInt8(ascii: "\\") }.count
        return [2, 4, 8].filter { $0 <= count }.map { position + $0 }
    }

    /// The references that XML knows (XML 1.0, section 4.6), which those of HTML include.
    private static let names: [Unicode.Scalar: String] = [
        "&": "amp;", "<": "lt;", ">": "gt;", "\"": "quot;", "'": "apos;",
    ]

    /// How often the text may have been escaped for HTML or XML.
    private static let maximumEscapes = 3

    /// Where `&lt;`, `&#60;` or `&#x3c;` ends, of which the `&` may be escaped further (`&amp;lt;`).
    ///
    /// - Parameter start: after the `&`.
    private static func references(to scalar: Unicode.Scalar, at start: Int, in bytes: [UInt8]) -> [Int] {
        var position = start
        var ends: [Int] = []
        for _ in 0..<maximumEscapes {
            if let name = names[scalar], bytes[position...].starts(with: name.utf8) {
                ends.append(position + name.utf8.count)
            } else if let end = numericReference(to: scalar, at: position, in: bytes) {
                ends.append(end)
            }
            guard bytes[position...].starts(with: "amp;".utf8) else { break }
            position += 4
        }
        return ends
    }

    /// `#60;` or `#x3c;`, with further zeros.
    private static func numericReference(to scalar: Unicode.Scalar, at start: Int, in bytes: [UInt8]) -> Int? {
        let text = bytes[start...].prefix(12)
        guard text.first == UInt8(ascii: "#"), let end = text.firstIndex(of: UInt8(ascii: ";")) else { return nil }
        let isHexadecimal = text[start + 1] | 0x20 == UInt8(ascii: "x")
        let digits = text[(start + (isHexadecimal ? 2 : 1))..<end]
        guard digits.allSatisfy({ Character(Unicode.Scalar($0)).isHexDigit }),
            UInt32(String(decoding: digits, as: UTF8.self), radix: isHexadecimal ? 16 : 10) == scalar.value
        else { return nil }
        return end + 1
    }

    /// The hexadecimal number of so many digits; nil for anything else.
    private static func number(at position: Int, digits: Int, in bytes: [UInt8]) -> UInt32? {
        guard position + digits <= bytes.count else { return nil }
        var number: UInt32 = 0
        for byte in bytes[position..<position + digits] {
            let digit: UInt8
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): digit = byte - UInt8(ascii: "0")
            case UInt8(ascii: "a")...UInt8(ascii: "f"): digit = byte - UInt8(ascii: "a") + 10
            case UInt8(ascii: "A")...UInt8(ascii: "F"): digit = byte - UInt8(ascii: "A") + 10
            default: return nil
            }
            number = number << 4 | UInt32(digit)
        }
        return number
    }
}
