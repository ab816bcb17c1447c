package import JSON

/// A type that can be read from a column.
package protocol PostgresDecodable {
    /// The value of that text, nil being NULL; fails when it is none of this type's.
    init?(postgresText text: Span<UInt8>?)
}

extension Optional: PostgresDecodable where Wrapped: PostgresDecodable {
    package init?(postgresText text: Span<UInt8>?) {
        if text == nil {
            self = Optional<Wrapped>.none
        } else if let value = Wrapped(postgresText: text) {
            self = Optional<Wrapped>.some(value)
        } else {
            return nil
        }
    }
}

extension String: PostgresDecodable {
    /// The text of a column of any type, as the server writes it.
    package init?(postgresText text: Span<UInt8>?) {
        guard let text else { return nil }
        self = unsafe text.withUnsafeBufferPointer { unsafe String(decoding: $0, as: UTF8.self) }
    }
}

extension Int64: PostgresDecodable {
    package init?(postgresText text: Span<UInt8>?) { self.init(String(postgresText: text) ?? "") }
}

extension Int: PostgresDecodable {
    package init?(postgresText text: Span<UInt8>?) { self.init(String(postgresText: text) ?? "") }
}

extension Int32: PostgresDecodable {
    package init?(postgresText text: Span<UInt8>?) { self.init(String(postgresText: text) ?? "") }
}

extension Double: PostgresDecodable {
    package init?(postgresText text: Span<UInt8>?) { self.init(String(postgresText: text) ?? "") }
}

extension Bool: PostgresDecodable {
    package init?(postgresText text: Span<UInt8>?) {
        guard let text, text.count == 1 else { return nil }
        switch text[0] {
        case UInt8(ascii: "t"): self = true
        case UInt8(ascii: "f"): self = false
        default: return nil
        }
    }
}

extension JSON: PostgresDecodable {
    package init?(postgresText text: Span<UInt8>?) {
        guard let text else { return nil }
        let bytes = unsafe text.withUnsafeBufferPointer { unsafe Array($0) }
        guard let value = try? JSON(parsing: bytes) else { return nil }
        self = value
    }
}

/// `bytea` in its hex form, `\x` and two digits a byte.
extension Array: PostgresDecodable where Element == UInt8 {
    package init?(postgresText text: Span<UInt8>?) {
        guard let text, text.count >= 2, text.count.isMultiple(of: 2),
            text[0] == UInt8(ascii: "\\"), text[1] == UInt8(ascii: "x")
        else { return nil }
        self.init()
        reserveCapacity(text.count / 2 - 1)
        for index in stride(from: 2, to: text.count, by: 2) {
            guard let high = hexValue(text[index]), let low = hexValue(text[index + 1]) else { return nil }
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
