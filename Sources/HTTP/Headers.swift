/// Header fields in the order given; names are compared without regard to case (RFC 9110, section 5.1).
///
/// Lookup walks the fields, because there are few.
package struct Headers: Sendable, ExpressibleByDictionaryLiteral {
    package struct Field: Sendable {
        package let name: String
        package let value: String
    }

    package private(set) var fields: [Field] = []

    package init() {}

    package init(dictionaryLiteral elements: (String, String)...) {
        fields = elements.map { Field(name: $0, value: $1) }
    }

    /// The first value with that name; setting replaces every field of the name.
    package subscript(name: String) -> String? {
        get { fields.first { Headers.isSame($0.name, name) }?.value }
        set {
            fields.removeAll { Headers.isSame($0.name, name) }
            if let newValue { fields.append(Field(name: name, value: newValue)) }
        }
    }

    /// How often the name occurs; a header that a decision depends on must occur at most once.
    package func count(of name: String) -> Int {
        fields.count { Headers.isSame($0.name, name) }
    }

    /// The elements of all fields with that name as one list (RFC 9110, section 5.3); nil without such a field.
    package func list(_ name: String) -> String? {
        guard let first = self[name] else { return nil }
        if count(of: name) == 1 { return first }
        return fields.filter { Headers.isSame($0.name, name) }.map(\.value).joined(separator: ", ")
    }

    package mutating func append(name: String, value: String) {
        fields.append(Field(name: name, value: value))
    }

    /// Reserves memory for that many fields.
    package mutating func reserveCapacity(_ count: Int) { fields.reserveCapacity(count) }

    private static func isSame(_ a: String, _ b: String) -> Bool {
        guard a.utf8.count == b.utf8.count else { return false }
        let (a, b) = (a.utf8Span.span, b.utf8Span.span)
        for index in a.indices where lowercase(a[index]) != lowercase(b[index]) { return false }
        return true
    }

    private static func lowercase(_ byte: UInt8) -> UInt8 {
        (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) ? byte | 0x20 : byte
    }
}
