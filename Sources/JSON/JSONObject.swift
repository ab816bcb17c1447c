import System

/// The members of a JSON object, in the order in which they were written.
///
/// Lookup walks the members: objects in this program's formats have few, and the walk needs neither hashing nor a
/// second copy of the names.
package struct JSONObject: Sendable, Hashable {
    package struct Member: Sendable, Hashable {
        package let name: String
        package var value: JSON

        package init(name: String, value: JSON) {
            self.name = name
            self.value = value
        }

        package static func == (one: Member, other: Member) -> Bool {
            one.name.hasSameBytes(as: other.name) && one.value == other.value
        }

        package func hash(into hasher: inout Hasher) {
            name.combineBytes(into: &hasher)
            value.hash(into: &hasher)
        }
    }

    package private(set) var members: [Member]

    /// The names must be distinct; the parser, and dictionary literals in code, ensure that.
    package init(_ members: [Member] = []) { self.members = members }

    package var count: Int { members.count }

    /// The value with that name; setting nil removes the member, setting a new name appends it.
    package subscript(name: String) -> JSON? {
        get { index(of: name).map { members[$0].value } }
        set {
            let index = index(of: name)
            switch (index, newValue) {
            case (let index?, let value?): members[index].value = value
            case (let index?, nil): members.remove(at: index)
            case (nil, let value?): members.append(Member(name: name, value: value))
            case (nil, nil): break
            }
        }
    }

    /// Appends a member; its name must be new.
    mutating func append(_ member: Member) { members.append(member) }

    private func index(of name: String) -> Int? {
        members.firstIndex { $0.name.hasSameBytes(as: name) }
    }
}
