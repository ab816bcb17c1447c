/// The required form of a JSON value: one object both checks values (`violations(in:)`) and renders itself as JSON
/// Schema 2020-12 (`json`, `render(into:)`), so that the two cannot differ.
///
/// In addition to what the rendering says, no checked string or name may contain U+0000, because stored text cannot. A
/// class, because each check passes its parts on and none is ever changed.
package final class JSONSchema: Sendable {
    /// The meaning of a string, which is checked for its form.
    package enum Format: String, Sendable {
        case email
        case uuid
        case dateTime = "date-time"
    }

    struct Property: Sendable {
        let name: String
        let schema: JSONSchema
        let isRequired: Bool
    }

    enum Form: Sendable {
        case any
        case unchecked(JSONSchema)
        case null
        case boolean
        case integer(ClosedRange<Int64>)
        case number(ClosedRange<Double>?)
        case string(minLength: Int, maxLength: Int?, format: Format?)
        /// `names`: what generated code calls the choices; empty: generated code uses the choices themselves.
        case choice([String], names: [String])
        case constant(JSON)
        case array(of: JSONSchema, count: ClosedRange<Int>)
        /// `additional` nil: members that are not properties are refused.
        case object([Property], additional: JSONSchema?)
        case anyOf([JSONSchema])
    }

    let form: Form
    package let name: String?
    let description: String?
    /// The description of a named schema where it is used; nil: the schema's own description applies.
    let descriptionOfUse: String?
    let example: JSON?

    private init(
        _ form: Form, name: String? = nil, description: String? = nil, descriptionOfUse: String? = nil,
        example: JSON? = nil
    ) {
        self.form = form
        self.name = name
        self.description = description
        self.descriptionOfUse = descriptionOfUse
        self.example = example
    }
}

extension JSONSchema {
    package static let any = JSONSchema(.any)
    /// Describes the form but accepts any value, even one with U+0000: for a value that its reader checks completely.
    package static func unchecked(_ schema: JSONSchema) -> JSONSchema { JSONSchema(.unchecked(schema)) }

    package static let null = JSONSchema(.null)
    package static let boolean = JSONSchema(.boolean)
    package static let integer = integer(.min ... .max)
    package static let number = JSONSchema(.number(nil))
    package static let string = string()

    /// Only numbers written without fraction and exponent, so that none was rounded.
    package static func integer(_ range: ClosedRange<Int64>) -> JSONSchema { JSONSchema(.integer(range)) }

    package static func number(_ range: ClosedRange<Double>) -> JSONSchema { JSONSchema(.number(range)) }

    /// The lengths count Unicode scalars.
    package static func string(minLength: Int = 0, maxLength: Int? = nil, format: Format? = nil) -> JSONSchema {
        JSONSchema(.string(minLength: minLength, maxLength: maxLength, format: format))
    }

    /// `names`, one for each choice, are for generated code, if the choices are not identifiers: `-created_at`.
    package static func string(enum choices: [String], names: [String] = []) -> JSONSchema {
        JSONSchema(.choice(choices, names: names))
    }

    package static func constant(_ value: JSON) -> JSONSchema { JSONSchema(.constant(value)) }

    package static func array(
        of element: JSONSchema, count: ClosedRange<Int> = 0...JSONLimits.standard.elements
    ) -> JSONSchema {
        JSONSchema(.array(of: element, count: count))
    }

    /// Members that are neither required nor optional must fit `additional`; if it is nil, they are refused.
    package static func object(
        required: KeyValuePairs<String, JSONSchema> = [:],
        optional: KeyValuePairs<String, JSONSchema> = [:],
        additional: JSONSchema? = nil
    ) -> JSONSchema {
        let properties =
            required.map { Property(name: $0.key, schema: $0.value, isRequired: true) }
            + optional.map { Property(name: $0.key, schema: $0.value, isRequired: false) }
        return JSONSchema(.object(properties, additional: additional))
    }

    /// An object that requires exactly these members.
    package static func object(members: some Sequence<(name: String, schema: JSONSchema)>) -> JSONSchema {
        let properties = members.map { Property(name: $0.name, schema: $0.schema, isRequired: true) }
        return JSONSchema(.object(properties, additional: nil))
    }

    /// The properties must have distinct names.
    static func object(properties: [Property], additional: JSONSchema?) -> JSONSchema {
        JSONSchema(.object(properties, additional: additional))
    }

    package static func anyOf(_ schemas: [JSONSchema]) -> JSONSchema { JSONSchema(.anyOf(schemas)) }
}

extension JSONSchema {
    package var isArray: Bool { if case .array = form { true } else { false } }

    /// An object that has these members as well.
    package func extended(
        by required: KeyValuePairs<String, JSONSchema> = [:], optional: KeyValuePairs<String, JSONSchema> = [:]
    ) -> JSONSchema {
        guard case .object(let properties, let additional) = form else { return self }
        let added =
            required.map { Property(name: $0.key, schema: $0.value, isRequired: true) }
            + optional.map { Property(name: $0.key, schema: $0.value, isRequired: false) }
        return JSONSchema(.object(properties + added, additional: additional), description: description)
    }

    /// The names of an object's members; empty for any other schema.
    package var memberNames: [String] {
        if case .object(let properties, _) = form { properties.map(\.name) } else { [] }
    }

    /// An object that may have these members as well; any other schema is unchanged.
    package func accepting(_ members: [(name: String, schema: JSONSchema)]) -> JSONSchema {
        guard case .object(let properties, let additional) = form else { return self }
        let added = members.map { Property(name: $0.name, schema: $0.schema, isRequired: false) }
        return JSONSchema(
            .object(properties + added, additional: additional), description: description, example: example)
    }

    /// An object with the same members, none of them required; any other schema is unchanged.
    package var partial: JSONSchema {
        guard case .object(let properties, let additional) = form else { return self }
        let optional = properties.map { Property(name: $0.name, schema: $0.schema, isRequired: false) }
        return JSONSchema(.object(optional, additional: additional), description: description)
    }

    /// This, or JSON null.
    package var nullable: JSONSchema { .anyOf([self, .null]) }

    /// Describes the schema. If it already has a name, the text applies only to this use.
    package func described(_ text: String) -> JSONSchema {
        name == nil
            ? JSONSchema(form, description: text, example: example)
            : JSONSchema(form, name: name, description: description, descriptionOfUse: text, example: example)
    }

    package func example(_ example: JSON) -> JSONSchema {
        JSONSchema(form, name: name, description: description, descriptionOfUse: descriptionOfUse, example: example)
    }

    /// The name of the component that holds this schema in an OpenAPI document. A name belongs to one schema only.
    package func named(_ name: String) -> JSONSchema {
        JSONSchema(form, name: name, description: description, example: example)
    }
}
