package import JSON

/// A type that can be read from a column.
package protocol PostgresDecodable {
    /// Decodes a column's text; nil is NULL. Throws if the text is not a value of this type.
    ///
    /// It throws, because with an optional result generic code looks its type up for each value.
    init(postgresText text: Span<UInt8>?) throws(PostgresMismatch)
}

/// The text is not a value of the requested type.
package struct PostgresMismatch: Error {}

extension Optional: PostgresDecodable where Wrapped: PostgresDecodable {
    package init(postgresText text: Span<UInt8>?) throws(PostgresMismatch) {
        self = text == nil ? .none : .some(try Wrapped(postgresText: text))
    }
}

extension String: PostgresDecodable {
    /// The text of a column of any type, as the server writes it.
    package init(postgresText text: Span<UInt8>?) throws(PostgresMismatch) {
        guard let text else { throw PostgresMismatch() }
        self = unsafe text.withUnsafeBufferPointer { unsafe String(decoding: $0, as: UTF8.self) }
    }
}

extension Int64: PostgresDecodable {
    package init(postgresText text: Span<UInt8>?) throws(PostgresMismatch) {
        guard let value = Self(try String(postgresText: text)) else { throw PostgresMismatch() }
        self = value
    }
}

extension Int: PostgresDecodable {
    package init(postgresText text: Span<UInt8>?) throws(PostgresMismatch) {
        guard let value = Self(try String(postgresText: text)) else { throw PostgresMismatch() }
        self = value
    }
}

extension Int32: PostgresDecodable {
    package init(postgresText text: Span<UInt8>?) throws(PostgresMismatch) {
        guard let value = Self(try String(postgresText: text)) else { throw PostgresMismatch() }
        self = value
    }
}

extension Double: PostgresDecodable {
    package init(postgresText text: Span<UInt8>?) throws(PostgresMismatch) {
        guard let value = Self(try String(postgresText: text)) else { throw PostgresMismatch() }
        self = value
    }
}

extension Bool: PostgresDecodable {
    package init(postgresText text: Span<UInt8>?) throws(PostgresMismatch) {
        guard let text, text.count == 1 else { throw PostgresMismatch() }
        switch text[0] {
        case UInt8(ascii: "t"): self = true
        case UInt8(ascii: "f"): self = false
        default: throw PostgresMismatch()
        }
    }
}

extension JSON: PostgresDecodable {
    package init(postgresText text: Span<UInt8>?) throws(PostgresMismatch) {
        guard let text else { throw PostgresMismatch() }
        let bytes = unsafe text.withUnsafeBufferPointer { unsafe Array($0) }
        guard let value = try? JSON(parsing: bytes, limits: .own) else { throw PostgresMismatch() }
        self = value
    }
}

/// The text of a column of type `json`, as it was stored.
extension JSONText: PostgresDecodable {
    package init(postgresText text: Span<UInt8>?) throws(PostgresMismatch) {
        guard let text else { throw PostgresMismatch() }
        self.init(stored: unsafe text.withUnsafeBufferPointer { unsafe Array($0) })
    }
}

/// `bytea` in its hex form, `\x` and two digits a byte.
extension Array: PostgresDecodable where Element == UInt8 {
    package init(postgresText text: Span<UInt8>?) throws(PostgresMismatch) {
        guard let text, text.count >= 2, text.count.isMultiple(of: 2),
            text[0] == UInt8(ascii: "\\"), text[1] == UInt8(ascii: "x")
        else { throw PostgresMismatch() }
        self.init()
        reserveCapacity(text.count / 2 - 1)
        for index in stride(from: 2, to: text.count, by: 2) {
            guard let high = hexValue(text[index]), let low = hexValue(text[index + 1]) else {
                throw PostgresMismatch()
            }
            append(high << 4 | low)
        }
    }
}

private func hexValue(_ digit: UInt8) -> UInt8? {
    switch digit {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
    default: nil
    }
}
