package import JSON

/// A type with values that can be bound, as `\(value)` in a `SQL`; nil is bound as NULL. The server infers the type of
/// each bind from its position.
package protocol PostgresEncodable: Sendable {
    func encode(to binds: inout Binds)
}

extension String: PostgresEncodable {
    package func encode(to binds: inout Binds) { binds.append(text: self) }
}

extension Int: PostgresEncodable {
    package func encode(to binds: inout Binds) { binds.append(integer: Int64(self)) }
}

extension Int64: PostgresEncodable {
    package func encode(to binds: inout Binds) { binds.append(integer: self) }
}

extension Int32: PostgresEncodable {
    package func encode(to binds: inout Binds) { binds.append(integer: Int64(self)) }
}

extension Bool: PostgresEncodable {
    package func encode(to binds: inout Binds) { binds.append(text: self ? "t" : "f") }
}

extension Double: PostgresEncodable {
    /// The shortest text that reads back as the same double; also `inf`, `-inf` and `nan`, which Postgres knows.
    package func encode(to binds: inout Binds) { binds.append(text: description) }
}

/// Binds its text, for columns of type `json` (and `jsonb`, which preserves neither order nor spelling).
extension JSON: PostgresEncodable {
    package func encode(to binds: inout Binds) { binds.append(json: JSONText(self)) }
}

extension JSONText: PostgresEncodable {
    package func encode(to binds: inout Binds) { binds.append(json: self) }
}

/// `[UInt8]` is a `bytea`; arrays of the other element types are Postgres arrays.
extension Array: PostgresEncodable where Element: PostgresArrayElement {
    package func encode(to binds: inout Binds) { Element.encode(self, to: &binds) }
}

/// A type that can be an element of a bound array.
package protocol PostgresArrayElement: Sendable {
    static func encode(_ array: [Self], to binds: inout Binds)
}

extension UInt8: PostgresArrayElement {
    package static func encode(_ array: [UInt8], to binds: inout Binds) { binds.append(binary: array) }
}

extension Int64: PostgresArrayElement {
    package static func encode(_ array: [Int64], to binds: inout Binds) {
        binds.append(text: "{" + array.map(String.init).joined(separator: ",") + "}")
    }
}

extension String: PostgresArrayElement {
    /// Every element is quoted, so that `NULL`, spaces, braces and the empty string stay texts.
    package static func encode(_ array: [String], to binds: inout Binds) {
        var text: [UInt8] = [UInt8(ascii: "{")]
        for element in array {
            if text.count > 1 { text.append(UInt8(ascii: ",")) }
            text.append(UInt8(ascii: "\""))
            for byte in element.utf8 {
                if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") { text.append(UInt8(ascii: "\\")) }
                text.append(byte)
            }
            text.append(UInt8(ascii: "\""))
        }
        text.append(UInt8(ascii: "}"))
        binds.append(text: String(decoding: text, as: UTF8.self))
    }
}
