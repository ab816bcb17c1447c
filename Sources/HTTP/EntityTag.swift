/// The version of a resource as a strong entity tag (RFC 9110, section 8.8.3).
package struct EntityTag: Sendable, CustomStringConvertible {
    package let version: Int64

    package init(version: Int64) { self.version = version }

    package var description: String { "\"\(version)\"" }

    /// Whether the field names this version: `*`, or a list of tags. The comparison is strong: a client that changes
    /// the resource must know it byte for byte (RFC 9110, section 13.1.1).
    package func matches(ifMatch fieldValue: String) -> Bool {
        fieldValue == "*" || EntityTag.tags(in: fieldValue).contains { $0 == description }
    }

    /// The same with a weak comparison: a proxy that compresses a response weakens its tag (RFC 9110, section 13.1.2).
    package func matches(ifNoneMatch fieldValue: String) -> Bool {
        fieldValue == "*" || EntityTag.tags(in: fieldValue).contains { $0 == description || $0 == "W/\(description)" }
    }

    private static func tags(in fieldValue: String) -> [Substring] {
        fieldValue.split(separator: ",").map { tag in tag.drop(while: isSpace).prefix { !isSpace($0) } }
    }

    private static func isSpace(_ character: Character) -> Bool { character == " " || character == "\t" }
}
