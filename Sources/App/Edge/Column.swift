import JSON
import Postgres

/// A member of a resource's JSON, together with the expression of SQL that it is read from.
struct Column: Sendable {
    enum Kind {
        case text, integer, boolean, json
    }

    /// How a value becomes JSON. Has no references, because they would be counted for each row.
    struct Reader {
        let name: StaticString
        let kind: Kind
        let isNullable: Bool
    }

    let schema: JSONSchema
    /// What a statement can compare and order by.
    let expression: SQL
    /// What a statement selects: the same, unless its text must first get the form that the JSON has.
    let selected: SQL
    let reader: Reader
    /// Whether a value may have more than some kilobytes: then it is read only for a caller who gets it.
    let isLarge: Bool

    var name: String { reader.name.description }

    private init(
        _ name: StaticString, _ kind: Kind, _ schema: JSONSchema, _ expression: SQL, selected: SQL,
        isLarge: Bool = false
    ) {
        self.schema = schema
        self.expression = expression
        self.selected = selected
        self.isLarge = isLarge
        reader = Reader(name: name, kind: kind, isNullable: schema.violations(in: .null).isEmpty)
    }

    private init(_ name: StaticString, _ kind: Kind, _ schema: JSONSchema, _ sql: SQL?) {
        let expression = sql ?? SQL(stringLiteral: name)
        self.init(name, kind, schema, expression, selected: expression)
    }

    // Without `sql`, the column of the table has the member's name.

    static func text(_ name: StaticString, _ schema: JSONSchema = .string, sql: SQL? = nil) -> Column {
        Column(name, .text, schema, sql)
    }

    static func id(_ name: StaticString, sql: SQL? = nil) -> Column {
        Column(name, .text, .string(format: .uuid), sql)
    }

    static func integer(_ name: StaticString, _ schema: JSONSchema = .integer, sql: SQL? = nil) -> Column {
        Column(name, .integer, schema, sql)
    }

    static func boolean(_ name: StaticString, _ schema: JSONSchema = .boolean, sql: SQL? = nil) -> Column {
        Column(name, .boolean, schema, sql)
    }

    /// Any JSON, from a column of type `json`.
    static func json(_ name: StaticString, _ schema: JSONSchema = .any, sql: SQL? = nil) -> Column {
        Column(name, .json, schema, sql)
    }

    /// A `timestamptz`, which becomes a text (RFC 3339).
    static func time(
        _ name: StaticString, _ schema: JSONSchema = .string(format: .dateTime), sql: SQL? = nil
    ) -> Column {
        let expression = sql ?? SQL(stringLiteral: name)
        return Column(name, .text, schema, expression, selected: "rfc3339(\(expression))")
    }

    func described(_ text: String) -> Column { with(schema.described(text)) }
    /// NULL becomes JSON null.
    var nullable: Column { with(schema.nullable) }
    var large: Column { Column(reader.name, reader.kind, schema, expression, selected: selected, isLarge: true) }

    private func with(_ schema: JSONSchema) -> Column {
        Column(reader.name, reader.kind, schema, expression, selected: selected, isLarge: isLarge)
    }
}

extension Column.Reader {
    /// Reads the column, which is the next one of a row.
    func json(_ columns: inout Columns) throws(PostgresError) -> JSON {
        switch (kind, isNullable) {
        case (.text, false): .string(try columns.next())
        case (.text, true): JSON(try columns.next() as String?)
        case (.integer, false): .integer(try columns.next())
        case (.integer, true): JSON(try columns.next() as Int64?)
        case (.boolean, _): .bool(try columns.next())
        case (.json, _): try columns.next(JSON?.self) ?? .null
        }
    }

    /// Reads the column and writes it as a member; JSON is not parsed.
    func write(_ columns: inout Columns, to object: inout JSONWriter) throws(PostgresError) {
        switch (kind, isNullable) {
        case (.text, false): object.member(name, try columns.next() as String)
        case (.text, true): object.member(name, optional: try columns.next() as String?)
        case (.integer, false): object.member(name, try columns.next() as Int64)
        case (.integer, true): object.member(name, JSON(try columns.next() as Int64?))
        case (.boolean, _): object.member(name, .bool(try columns.next()))
        case (.json, _): object.member(name, try columns.next(JSONText?.self) ?? .null)
        }
    }
}
