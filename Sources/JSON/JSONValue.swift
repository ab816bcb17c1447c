/// A JSON value: `JSON`, to be computed with, or `JSONText`, to be passed on without being parsed.
package protocol JSONValue: Sendable {
    init(_ value: JSON)
    static var null: Self { get }
    func write(to writer: inout JSONWriter)
}

extension JSON: JSONValue {
    package init(_ value: JSON) { self = value }
    package func write(to writer: inout JSONWriter) { writer.append(self) }
}

extension JSONText: JSONValue {
    package static let null = JSONText(.null)
    package func write(to writer: inout JSONWriter) { writer.append(self) }
}
