extension JSONSchema {
    /// The schema as JSON Schema 2020-12, self-contained: named schemas are written out where they are used.
    package var json: JSON {
        var object = rendering { $0.json }
        if let descriptionOfUse { object["description"] = .string(descriptionOfUse) }
        return .object(object)
    }

    /// The same for an OpenAPI 3.1 document: every named schema becomes a member of `components`, and is replaced by a
    /// reference to `#/components/schemas/`.
    package func render(into components: inout [String: JSON]) -> JSON {
        let rendering = JSON.object(rendering { $0.render(into: &components) })
        guard let name else { return rendering }
        assert(components[name] == nil || components[name] == rendering, "two schemas are named \(name)")
        components[name] = rendering
        var reference = JSONObject([.init(name: "$ref", value: .string("#/components/schemas/\(name)"))])
        if let descriptionOfUse { reference["description"] = .string(descriptionOfUse) }
        return .object(reference)
    }

    private func rendering(of nested: (JSONSchema) -> JSON) -> JSONObject {
        var object = formRendering(of: nested)
        if let description { object["description"] = .string(description) }
        if let example { object["examples"] = [example] }
        return object
    }

    private func formRendering(of nested: (JSONSchema) -> JSON) -> JSONObject {
        var object = JSONObject()
        switch form {
        case .any: break
        case .unchecked(let schema): object = nested(schema).objectValue ?? object
        case .null: object["type"] = "null"
        case .boolean: object["type"] = "boolean"
        case .integer(let range):
            object["type"] = "integer"
            guard range != .min ... .max else {
                object["format"] = "int64"
                break
            }
            object["minimum"] = .integer(range.lowerBound)
            object["maximum"] = .integer(range.upperBound)
        case .number(let range):
            object["type"] = "number"
            object["minimum"] = (range?.lowerBound).map(JSON.number)
            object["maximum"] = (range?.upperBound).map(JSON.number)
        case .string(let minimum, let maximum, let format):
            object["type"] = "string"
            if minimum > 0 { object["minLength"] = JSON(minimum) }
            object["maxLength"] = maximum.map { JSON($0) }
            object["format"] = (format?.rawValue).map(JSON.string)
        case .choice(let choices, let names):
            object["type"] = "string"
            object["enum"] = .array(choices.map(JSON.string))
            // Not a keyword of JSON Schema, but generators of clients know it.
            if !names.isEmpty { object["x-enum-varnames"] = .array(names.map(JSON.string)) }
        case .constant(let value): object["const"] = value
        case .array(let element, let count):
            object["type"] = "array"
            object["items"] = nested(element)
            if count.lowerBound > 0 { object["minItems"] = JSON(count.lowerBound) }
            object["maxItems"] = JSON(count.upperBound)
        case .object(let properties, let additional):
            object["type"] = "object"
            if !properties.isEmpty {
                let members = properties.map { JSONObject.Member(name: $0.name, value: nested($0.schema)) }
                object["properties"] = .object(JSONObject(members))
            }
            let required = properties.filter(\.isRequired).map { JSON.string($0.name) }
            if !required.isEmpty { object["required"] = .array(required) }
            object["additionalProperties"] = additional.map(nested) ?? false
        case .anyOf(let schemas): object["anyOf"] = .array(schemas.map(nested))
        }
        return object
    }
}
