/// A complete JSON text (RFC 8259), to be sent or stored.
///
/// Writing it member by member costs a fraction of making a `JSON` that is written only once:
///
///     JSONText.object { $0.member("id", id); $0.member("result", result) }
package struct JSONText: Sendable, Equatable {
    package let bytes: [UInt8]

    private init(_ write: (inout JSONWriter) throws -> Void) rethrows {
        var writer = JSONWriter()
        try write(&writer)
        bytes = writer.bytes
    }

    package init(_ value: JSON) { self.init { $0.append(value) } }

    /// Of bytes that are such a text, which is not checked: Postgres has checked what a column of type `json` contains.
    package init(stored text: [UInt8]) { bytes = text }

    /// An object with the members that `write` adds.
    package static func object(_ write: (inout JSONWriter) throws -> Void) rethrows -> JSONText {
        try JSONText { try $0.appendObject(write) }
    }

    /// An array of the elements that `write` adds.
    package static func array(_ write: (inout JSONWriter) -> Void) -> JSONText {
        JSONText { $0.appendArray(write) }
    }
}

extension JSON {
    /// The value as a compact JSON text: members in their order, integers exact, doubles in the fewest digits that
    /// read back as the same value, `/` and everything beyond ASCII as they are.
    package func serialized() -> [UInt8] { JSONText(self).bytes }

    /// The same as `serialized()`, as a string.
    package var text: String { String(decoding: serialized(), as: UTF8.self) }
}
