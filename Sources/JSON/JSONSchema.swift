/// What a JSON value must look like: one value that both checks (`violations(in:)`) and documents itself as JSON Schema
/// 2020-12 (`json`, `render(into:)`), so that the two cannot differ.
///
/// Beyond what the rendering says, no checked string or name may hold U+0000, because stored text cannot. A class, because
/// each check passes its parts on and none is ever changed.
package final class JSONSchema: Sendable {
    /// The meaning of a string. An e-mail address and a UUID are checked for their form; a date is left to its reader.
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
        /// `names`: what generated code calls the choices; empty: the choices themselves are names enough.
        case choice([String], names: [String])
        case constant(JSON)
        case array(of: JSONSchema, count: ClosedRange<Int>)
        /// `additional` nil: members that are no property are refused.
        case object([Property], additional: JSONSchema?)
        case anyOf([JSONSchema])
    }

    let form: Form
    package let name: String?
    let description: String?
    /// The description of a named schema at one place of its use; nil: the schema's own holds there.
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
    /// Says what the value must look like and takes any, even U+0000: for one that its reader checks in whole.
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

    /// `names`, one for each choice, are for generated code, where the choices are no identifiers: `-created_at`.
    package static func string(enum choices: [String], names: [String] = []) -> JSONSchema {
        JSONSchema(.choice(choices, names: names))
    }

    package static func constant(_ value: JSON) -> JSONSchema { JSONSchema(.constant(value)) }

    package static func array(
        of element: JSONSchema, count: ClosedRange<Int> = 0...JSONLimits.standard.elements
    ) -> JSONSchema {
        JSONSchema(.array(of: element, count: count))
    }

    /// Members that are neither required nor optional must fit `additional`; without one they are refused.
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

    package static func anyOf(_ schemas: [JSONSchema]) -> JSONSchema { JSONSchema(.anyOf(schemas)) }
}

extension JSONSchema {
    /// The names of an object's members, in their order; none for anything else.
    package var propertyNames: [String] {
        if case .object(let properties, _) = form { properties.map(\.name) } else { [] }
    }

    package var isArray: Bool { if case .array = form { true } else { false } }

    /// An object that has those members as well.
    package func extended(by required: KeyValuePairs<String, JSONSchema>) -> JSONSchema {
        guard case .object(let properties, let additional) = form else { return self }
        let added = required.map { Property(name: $0.key, schema: $0.value, isRequired: true) }
        return JSONSchema(.object(properties + added, additional: additional), description: description)
    }

    /// An object of the same members, none of them required; for anything else, the same.
    package var partial: JSONSchema {
        guard case .object(let properties, let additional) = form else { return self }
        let optional = properties.map { Property(name: $0.name, schema: $0.schema, isRequired: false) }
        return JSONSchema(.object(optional, additional: additional), description: description)
    }

    /// This, or JSON null.
    package var nullable: JSONSchema { .anyOf([self, .null]) }

    /// Describes the schema; one that has a name already, at this place of its use alone.
    package func described(_ text: String) -> JSONSchema {
        name == nil
            ? JSONSchema(form, description: text, example: example)
            : JSONSchema(form, name: name, description: description, descriptionOfUse: text, example: example)
    }

    package func example(_ example: JSON) -> JSONSchema {
        JSONSchema(form, name: name, description: description, descriptionOfUse: descriptionOfUse, example: example)
    }

    /// The name of the component under which an OpenAPI document holds this schema; one name, one schema.
    package func named(_ name: String) -> JSONSchema {
        JSONSchema(form, name: name, description: description, example: example)
    }
}
