import System

/// Writes a JSON text from its beginning to its end. The names of an object's members must be distinct.
@safe package struct JSONWriter: ~Copyable {
    // A buffer of its own, because an array checks its ownership for each byte.
    private var base: UnsafeMutablePointer<UInt8>
    private var count = 0
    private var capacity = 1_024
    /// Whether a comma is needed before the next member or element.
    private var needsComma = false

    /// Enough bytes for anything but a string: a number, a word, or an escape with what surrounds it.
    private static let pieceLength = 32

    init() {
        unsafe base = .allocate(capacity: capacity)
    }

    deinit {
        unsafe base.deallocate()
    }

    /// How many bytes the text has so far.
    package var length: Int { count }

    var bytes: [UInt8] {
        unsafe Array(UnsafeBufferPointer(start: base, count: count))
    }
}

extension JSONWriter: JSONMembers {
    package mutating func member(_ name: StaticString, _ value: JSON) {
        beginMember(name)
        append(value)
    }

    package mutating func member(_ name: StaticString, _ value: some JSONValue) {
        beginMember(name)
        value.write(to: &self)
    }

    /// Two members with the same value, which is rendered once.
    package mutating func members(_ first: StaticString, _ second: StaticString, _ value: some JSONValue) {
        beginMember(first)
        let start = count
        value.write(to: &self)
        let length = count - start
        beginMember(second)
        ensureCapacity(for: length)
        unsafe (base + count).update(from: base + start, count: length)
        count += length
    }

    package mutating func member(_ name: StaticString, _ value: String) {
        beginMember(name)
        appendQuoted(value)
    }

    package mutating func member(_ name: StaticString, optional value: String?) {
        beginMember(name)
        if let value { appendQuoted(value) } else { append("null") }
    }

    package mutating func member(_ name: StaticString, _ value: Int64) {
        beginMember(name)
        append(value)
    }

    package mutating func member(_ name: StaticString, _ value: Int) {
        member(name, Int64(value))
    }

    /// A number of thousandths, such as microseconds for a time in milliseconds.
    package mutating func member(_ name: StaticString, thousandths value: Int64) {
        beginMember(name)
        ensureCapacity(for: Self.pieceLength)
        if value < 0 { put(UInt8(ascii: "-")) }
        putDigits(value.magnitude / 1_000)
        put(UInt8(ascii: "."))
        putDigits(value.magnitude % 1_000, atLeast: 3)
    }

    package mutating func member(_ name: StaticString, object write: (inout JSONWriter) -> Void) {
        beginMember(name)
        appendObject(write)
    }

    /// An array of the elements that `write` adds.
    package mutating func arrayMember(_ name: StaticString, _ write: (inout JSONWriter) throws -> Void) rethrows {
        beginMember(name)
        try appendArray(write)
    }

    /// An element of the current array: an object with the members that `write` adds.
    package mutating func element(object write: (inout JSONWriter) throws -> Void) rethrows {
        ensureCapacity(for: Self.pieceLength)
        if needsComma { put(UInt8(ascii: ",")) }
        try appendObject(write)
    }

    private mutating func beginMember(_ name: StaticString) {
        ensureCapacity(for: name.utf8CodeUnitCount + Self.pieceLength)
        if needsComma { put(UInt8(ascii: ",")) }
        needsComma = true
        put(UInt8(ascii: "\""))
        unsafe put(UnsafeBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount))
        put(UInt8(ascii: "\""))
        put(UInt8(ascii: ":"))
    }
}

extension JSONWriter {
    mutating func appendObject(_ write: (inout JSONWriter) throws -> Void) rethrows {
        try append(write, between: UInt8(ascii: "{"), and: UInt8(ascii: "}"))
    }

    mutating func appendArray(_ write: (inout JSONWriter) throws -> Void) rethrows {
        try append(write, between: UInt8(ascii: "["), and: UInt8(ascii: "]"))
    }

    private mutating func append(
        _ write: (inout JSONWriter) throws -> Void, between start: UInt8, and end: UInt8
    ) rethrows {
        append(start)
        needsComma = false
        try write(&self)
        needsComma = true
        append(end)
    }

    mutating func append(_ value: JSON) {
        switch value {
        case .null: append("null")
        case .bool(let value): append(value ? "true" : "false")
        case .integer(let value): append(value)
        case .unsigned(let value):
            ensureCapacity(for: Self.pieceLength)
            putDigits(value)
        case .number(let value): append(value.description)
        case .string(let value): appendQuoted(value)
        case .array(let elements):
            append(UInt8(ascii: "["))
            for index in elements.indices {
                if index > 0 { append(UInt8(ascii: ",")) }
                append(elements[index])
            }
            append(UInt8(ascii: "]"))
        case .object(let object):
            append(UInt8(ascii: "{"))
            for index in object.members.indices {
                if index > 0 { append(UInt8(ascii: ",")) }
                appendQuoted(object.members[index].name)
                put(UInt8(ascii: ":"))
                append(object.members[index].value)
            }
            append(UInt8(ascii: "}"))
        }
    }

    mutating func append(_ text: JSONText) {
        unsafe text.bytes.withUnsafeBufferPointer { bytes in
            ensureCapacity(for: bytes.count)
            unsafe put(bytes)
        }
    }

    private mutating func append(_ value: Int64) {
        ensureCapacity(for: Self.pieceLength)
        if value < 0 { put(UInt8(ascii: "-")) }
        putDigits(value.magnitude)
    }

    /// The buffer has capacity for two more bytes afterwards.
    private mutating func appendQuoted(_ string: String) {
        unsafe string.utf8Span.span.withUnsafeBufferPointer { utf8 in
            ensureCapacity(for: utf8.count + Self.pieceLength)
            put(UInt8(ascii: "\""))
            let start = count
            unsafe put(utf8)
            if mustEscape(from: start) {
                count = start
                for index in utf8.indices {
                    ensureCapacity(for: Self.pieceLength)
                    unsafe mustEscape(utf8[index]) ? putEscape(of: utf8[index]) : put(utf8[index])
                }
                ensureCapacity(for: Self.pieceLength)
            }
            put(UInt8(ascii: "\""))
        }
    }

    private mutating func append(_ text: String) {
        unsafe text.utf8Span.span.withUnsafeBufferPointer { utf8 in
            ensureCapacity(for: utf8.count)
            unsafe put(utf8)
        }
    }

    private mutating func append(_ byte: UInt8) {
        ensureCapacity(for: 1)
        put(byte)
    }
}

/// Escapes (RFC 8259, section 7) for quotation mark, reverse solidus and control characters, in the form that Postgres
/// gives them.
extension JSONWriter {
    /// Whether anything written from `start` on must be escaped: most strings are copied first and then checked in the
    /// buffer, eight bytes at a time. The buffer must have capacity for eight more bytes.
    private func mustEscape(from start: Int) -> Bool {
        // Bytes beyond the end count as spaces.
        unsafe UnsafeMutableRawPointer(base + count).storeBytes(of: 0x2020_2020_2020_2020, as: UInt64.self)
        var position = start
        while position < count {
            let word = unsafe UnsafeRawPointer(base + position).loadUnaligned(as: UInt64.self)
            if mustEscape(oneOf: word) { return true }
            position += 8
        }
        return false
    }

    private func mustEscape(_ byte: UInt8) -> Bool {
        byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\")
    }

    private func mustEscape(oneOf word: UInt64) -> Bool {
        let found =
            word.bytes(below: 0x20) | word.bytes(equalTo: UInt8(ascii: "\""))
            | word.bytes(equalTo: UInt8(ascii: "\\"))
        return found & UInt64.highestBits != 0
    }

    private mutating func putEscape(of byte: UInt8) {
        put(UInt8(ascii: "\\"))
        switch byte {
        case 0x08: put(UInt8(ascii: "b"))
        case 0x0c: put(UInt8(ascii: "f"))
        case UInt8(ascii: "\n"): put(UInt8(ascii: "n"))
        case UInt8(ascii: "\r"): put(UInt8(ascii: "r"))
        case UInt8(ascii: "\t"): put(UInt8(ascii: "t"))
        case 0..<0x20:
            append(byte < 0x10 ? "u000" : "u00")
            append(String(byte, radix: 16))
        default: put(byte)
        }
    }
}

/// The buffer.
extension JSONWriter {
    /// Writes the digits from the last to the first, in a fifth of the time that `description` takes, with leading
    /// zeros if there are fewer than `least`.
    private mutating func putDigits(_ value: UInt64, atLeast least: Int = 1) {
        var length = 1
        var rest = value / 10
        while rest > 0 || length < least {
            rest /= 10
            length += 1
        }
        rest = value
        for position in stride(from: count + length - 1, through: count, by: -1) {
            let digit: UInt64
            (rest, digit) = rest.quotientAndRemainder(dividingBy: 10)
            unsafe base[position] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: digit)
        }
        count += length
    }

    private mutating func ensureCapacity(for more: Int) {
        guard capacity - count < more else { return }
        capacity = max(capacity * 2, count + more)
        let larger = UnsafeMutablePointer<UInt8>.allocate(capacity: capacity)
        unsafe larger.update(from: base, count: count)
        unsafe base.deallocate()
        unsafe base = larger
    }

    /// The buffer must have capacity for it.
    private mutating func put(_ byte: UInt8) {
        unsafe base[count] = byte
        count += 1
    }

    /// The buffer must have capacity for it.
    private mutating func put(_ run: UnsafeBufferPointer<UInt8>) {
        guard let start = run.baseAddress else { return }
        unsafe (base + count).update(from: start, count: run.count)
        count += run.count
    }
}
