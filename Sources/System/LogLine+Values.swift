/// The form of the values.
extension LogLine {
    mutating func putJSON(_ value: String) {
        put(UInt8(ascii: "\""))
        let start = count
        if value.utf8.count <= min(room, Self.longestValue) {
            put(value)
            if !mustEscape(from: start) {
                put(UInt8(ascii: "\""))
                return
            }
            count = start
        }
        putScalars(of: value) { line, scalar in
            switch scalar {
            case "\"", "\\":
                line.put(UInt8(ascii: "\\"))
                line.put(UInt8(scalar.value))
            case _ where scalar.isControl:
                line.put(literal: "\\u00")
                line.put(hexadecimal: UInt8(scalar.value))
            default: line.put(scalar)
            }
        }
        put(UInt8(ascii: "\""))
    }

    /// The value unchanged if it is one plain word, otherwise in quotes; control characters, such as line feeds, become
    /// spaces.
    mutating func putText(_ value: String) {
        let isPlain =
            !value.isEmpty && value.utf8.count <= min(room, Self.longestValue)
            && value.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7f && $0 != UInt8(ascii: "\"") }
        guard !isPlain else { return put(value) }
        put(UInt8(ascii: "\""))
        putScalars(of: value) { line, scalar in
            switch scalar {
            case "\"", "\\":
                line.put(UInt8(ascii: "\\"))
                line.put(UInt8(scalar.value))
            case _ where scalar.isControl: line.put(UInt8(ascii: " "))
            default: line.put(scalar)
            }
        }
        put(UInt8(ascii: "\""))
    }

    /// Puts one after another, as many as there is room for.
    private mutating func putScalars(of value: String, _ put: (inout LogLine, Unicode.Scalar) -> Void) {
        let end = count + Self.longestValue
        for scalar in value.unicodeScalars {
            guard room > 0, count < end else { return }
            put(&self, scalar)
        }
    }

    /// Whether a byte written from `start` on must be escaped, or may begin a control character beyond ASCII. Reads
    /// eight bytes at a time; bytes beyond the end, for which the buffer has room, count as spaces.
    private mutating func mustEscape(from start: Int) -> Bool {
        guard let base = unsafe UnsafeMutableRawPointer(buffer.baseAddress) else { return false }
        unsafe (base + count).storeBytes(of: 0x2020_2020_2020_2020, as: UInt64.self)
        var position = start
        while position < count {
            let word = unsafe base.loadUnaligned(fromByteOffset: position, as: UInt64.self)
            let found =
                word.bytes(below: 0x20) | word.bytes(equalTo: UInt8(ascii: "\""))
                | word.bytes(equalTo: UInt8(ascii: "\\")) | word.bytes(equalTo: 0x7f) | word.bytes(equalTo: 0xc2)
            if found & UInt64.highestBits != 0 { return true }
            position += 8
        }
        return false
    }
}

extension Unicode.Scalar {
    /// C0 and C1: a terminal could take them for orders.
    fileprivate var isControl: Bool { value < 0x20 || (0x7f...0x9f).contains(value) }
}

/// The buffer.
extension LogLine {
    mutating func put(time milliseconds: Int64) {
        unsafe RFC3339.write(milliseconds: milliseconds, to: UnsafeMutableBufferPointer(rebasing: buffer[count...]))
        count += RFC3339.length
    }

    mutating func put(_ text: String) {
        unsafe text.utf8Span.span.withUnsafeBufferPointer { unsafe put(bytes: $0) }
    }

    mutating func put(literal text: StaticString) {
        unsafe put(bytes: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    /// The callers have measured what can be long.
    mutating func put(bytes: UnsafeBufferPointer<UInt8>) {
        guard let target = unsafe buffer.baseAddress, let source = bytes.baseAddress else { return }
        unsafe precondition(bytes.count <= buffer.count - count)
        unsafe (target + count).update(from: source, count: bytes.count)
        count += bytes.count
    }

    mutating func put(_ byte: UInt8) {
        unsafe precondition(count < buffer.count)
        unsafe buffer[count] = byte
        count += 1
    }

    mutating func put(_ scalar: Unicode.Scalar) {
        for byte in String(scalar).utf8 { put(byte) }
    }

    mutating func put(hexadecimal byte: UInt8) {
        for digit in [byte >> 4, byte & 15] {
            put(digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10)
        }
    }

    /// In decimal, with leading zeros if there are fewer digits than `least`.
    mutating func put(_ number: UInt64, atLeast least: Int = 1) {
        var length = 1
        var rest = number / 10
        while rest > 0 || length < least {
            rest /= 10
            length += 1
        }
        unsafe precondition(length <= buffer.count - count)
        rest = number
        for position in stride(from: count + length - 1, through: count, by: -1) {
            let digit: UInt64
            (rest, digit) = rest.quotientAndRemainder(dividingBy: 10)
            unsafe buffer[position] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: digit)
        }
        count += length
    }
}
