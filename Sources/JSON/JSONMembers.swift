/// Receives an object's members one by one: a `JSONWriter`, which writes their text, or a `JSONObject`. So a type lists
/// its members once for both.
package protocol JSONMembers: ~Copyable {
    /// The names of one object must be distinct, and contain nothing to escape.
    mutating func member(_ name: StaticString, _ value: JSON)
    mutating func member(_ name: StaticString, _ value: String)
    /// Nil is written as null.
    mutating func member(_ name: StaticString, optional value: String?)
    mutating func member(_ name: StaticString, _ value: Int64)
    /// An object with the members that `write` adds.
    mutating func member(_ name: StaticString, object write: (inout Self) -> Void)
}

extension JSONObject: JSONMembers {
    package mutating func member(_ name: StaticString, _ value: JSON) { append(Member(name: "\(name)", value: value)) }
    package mutating func member(_ name: StaticString, _ value: String) { member(name, .string(value)) }
    package mutating func member(_ name: StaticString, optional value: String?) { member(name, JSON(value)) }
    package mutating func member(_ name: StaticString, _ value: Int64) { member(name, .integer(value)) }

    package mutating func member(_ name: StaticString, object write: (inout JSONObject) -> Void) {
        member(name, JSON(object: write))
    }
}

extension JSON {
    /// An object with the members that `write` adds.
    package init(object write: (inout JSONObject) -> Void) {
        var object = JSONObject()
        write(&object)
        self = .object(object)
    }
}
