/// The version of a resource as a strong entity tag (RFC 9110, section 8.8.3).
package struct EntityTag: Sendable, CustomStringConvertible {
    package let version: Int64

    package init(version: Int64) { self.version = version }

    package var description: String { "\"\(version)\"" }

    /// Whether a field value of `If-Match` or `If-None-Match` names this version: `*`, or a list of tags.
    package func matches(_ fieldValue: String) -> Bool {
        fieldValue == "*"
            || fieldValue.split(separator: ",").contains { tag in
                tag.drop { $0 == " " }.prefix { $0 != " " } == description
            }
    }
}
