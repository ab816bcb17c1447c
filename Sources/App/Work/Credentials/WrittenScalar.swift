/// The forms in which one character of a secret can be written.
enum WrittenScalar {
    /// Where the scalar ends if it begins at one of the positions.
    static func ends(of scalar: Unicode.Scalar, at positions: [Int], in bytes: [UInt8]) -> [Int] {
        // The usual case, without an array for each form.
        if positions.count == 1, scalar.isASCII, scalar != "\\" {
            return end(ofASCII: UInt8(scalar.value), at: positions[0], in: bytes).map { [$0] } ?? []
        }
        let ends = positions.flatMap { position in
            let raw = Array(String(scalar).utf8)
            let forms = [
                bytes[position...].starts(with: raw) ? position + raw.count : nil,
                percentEncoded(raw, at: position, in: bytes), escaped(scalar, at: position, in: bytes),
            ]
            let doubled = scalar == "\\" ? backslashes(at: position, in: bytes) : []
            return forms.compactMap(\.self) + doubled
        }
        return Array(Set(ends))
    }

    private static func end(ofASCII character: UInt8, at position: Int, in bytes: [UInt8]) -> Int? {
        guard position < bytes.count else { return nil }
        switch bytes[position] {
        case character: return position + 1
        case UInt8(ascii: "+") where character == UInt8(ascii: " "): return position + 1
        case UInt8(ascii: "%"): return percentEncoded([character], at: position, in: bytes)
        case UInt8(ascii: "\\"): return escaped(Unicode.Scalar(character), at: position, in: bytes)
        default: return nil
        }
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

    /// `\"`, `\/` or `\u0022`, each with further backslashes if the JSON is within a string of JSON.
    private static func escaped(_ scalar: Unicode.Scalar, at start: Int, in bytes: [UInt8]) -> Int? {
        var position = start
        while position < bytes.count, bytes[position] == UInt8(ascii: "\\"), position - start < maximumBackslashes {
            position += 1
        }
        guard position > start, position < bytes.count else { return nil }
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

    /// The hexadecimal number of so many digits; nil for anything else.
    private static func number(at position: Int, digits: Int, in bytes: [UInt8]) -> UInt32? {
        guard position + digits <= bytes.count else { return nil }
        let text = bytes[position..<position + digits]
        guard text.allSatisfy({ Character(Unicode.Scalar($0)).isHexDigit }) else { return nil }
        return UInt32(String(decoding: text, as: UTF8.self), radix: 16)
    }
}
