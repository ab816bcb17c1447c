/// A JSON value: `JSON`, to be computed with, or `JSONText`, to be passed on without being parsed.
package protocol JSONValue: Sendable {
    init(_ value: JSON)
    static var null: Self { get }
    /// An object with these members, which have distinct names.
    static func object(_ members: KeyValuePairs<StaticString, Self>) -> Self
    func write(to writer: inout JSONWriter)
}

extension JSON: JSONValue {
    package init(_ value: JSON) { self = value }

    package static func object(_ members: KeyValuePairs<StaticString, JSON>) -> JSON {
        .object(JSONObject(members.map { .init(name: "\($0.key)", value: $0.value) }))
    }

    package func write(to writer: inout JSONWriter) { writer.append(self) }
}

extension JSONText: JSONValue {
    package static let null = JSONText(.null)

    package static func object(_ members: KeyValuePairs<StaticString, JSONText>) -> JSONText {
        .object { for (name, value) in members { $0.member(name, value) } }
    }

    package func write(to writer: inout JSONWriter) { writer.append(self) }
}
