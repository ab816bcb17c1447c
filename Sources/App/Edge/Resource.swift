import JSON
import Postgres

/// A resource of the API with JSON that is made of the columns of a row: its schema, what statements select, and its
/// JSON follow from one declaration of the columns.
struct Resource: Sendable {
    let members: [Column]
    let schema: JSONSchema
    /// What a statement selects or returns, to be read by `json`.
    let columns: SQL
    private let readers: [(name: String, reader: Column.Reader)]

    init(_ name: String, extending base: Resource? = nil, _ members: Column...) {
        let members = (base?.members ?? []) + members
        self.members = members
        schema = JSONSchema.object(members: members.map { ($0.name, $0.schema) }).named(name)
        readers = members.map { ($0.name, $0.reader) }
        columns = members.map(\.selected).joined(separator: ", ")
    }

    /// The member with that name, which the resource must have.
    subscript(name: String) -> Column {
        guard let member = members.first(where: { $0.name == name }) else {
            preconditionFailure("\(schema.name ?? "") has no member \(name)")
        }
        return member
    }

    /// The same for a list of items with these fields: large values of other members are not read.
    func columns(for fields: [String]) -> SQL {
        members.map { $0.isLarge && !fields.contains($0.name) ? "NULL" : $0.selected }.joined(separator: ", ")
    }

    /// Reads a row that has no other columns before these.
    func json(_ row: Row) throws -> JSON {
        var columns = row.columns
        return try json(&columns)
    }

    /// Reads the next columns of a row.
    func json(_ columns: inout Columns) throws -> JSON {
        var object: [JSONObject.Member] = []
        object.reserveCapacity(members.count)
        for (name, reader) in readers {
            object.append(JSONObject.Member(name: name, value: try reader.json(&columns)))
        }
        return .object(JSONObject(object))
    }

    /// The same as `json`, for a row that is only shown.
    func text(_ row: Row) throws -> JSONText {
        var columns = row.columns
        return try .object { try write(&columns, to: &$0) }
    }

    /// Reads the next columns of a row and writes all members, or those that `fields` names.
    func write(_ columns: inout Columns, to object: inout JSONWriter, fields: [String]? = nil) throws {
        for (name, reader) in readers {
            if let fields, !fields.contains(name) {
                columns.skip()
            } else {
                try reader.write(&columns, to: &object)
            }
        }
    }
}
