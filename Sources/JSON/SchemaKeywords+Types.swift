/// The keywords of each type.
extension SchemaKeywords {
    /// The schema that the keywords of a type make; any value without a type.
    func typed(_ type: String?, _ reader: inout JSONSchemaReader) -> JSONSchema {
        switch type {
        case "null": return .null
        case "boolean": return .boolean
        case "integer":
            let limits = (
                bound("minimum", \.integerValue, .min, &reader), bound("maximum", \.integerValue, .max, &reader)
            )
            return range(limits, &reader).map(JSONSchema.integer) ?? .any
        case "number":
            let greatest = Double.greatestFiniteMagnitude
            let limits = (
                bound("minimum", \.doubleValue, -greatest, &reader), bound("maximum", \.doubleValue, greatest, &reader)
            )
            return range(limits, &reader).map(JSONSchema.number) ?? .any
        case "string":
            let limits = (count("minLength", 0, &reader), count("maxLength", .max, &reader))
            guard let length = range(limits, &reader) else { return .any }
            let maximum = object["maxLength"] == nil ? nil : length.upperBound
            return .string(minLength: length.lowerBound, maxLength: maximum, format: format(&reader))
        case "array":
            let limits = (count("minItems", 0, &reader), count("maxItems", JSONLimits.standard.elements, &reader))
            let element = object["items"].map { reader.schema($0, place.inner("items")) }
            return range(limits, &reader).map { .array(of: element ?? .any, count: $0) } ?? .any
        case "object": return members(&reader)
        default: return .any
        }
    }

    private func bound<Number>(
        _ keyword: String, _ number: (JSON) -> Number?, _ missing: Number, _ reader: inout JSONSchemaReader
    ) -> Number? {
        guard let value = object[keyword] else { return missing }
        if let number = number(value) { return number }
        report(keyword, Number.self == Double.self ? "must be a number" : "must be an integer", &reader)
        return nil
    }

    private func count(_ keyword: String, _ missing: Int, _ reader: inout JSONSchemaReader) -> Int? {
        guard let value = object[keyword] else { return missing }
        if let number = value.integerValue, let count = Int(exactly: number), count >= 0 { return count }
        report(keyword, "must be an integer, at least 0", &reader)
        return nil
    }

    private func range<Number: Comparable>(
        _ limits: (Number?, Number?), _ reader: inout JSONSchemaReader
    ) -> ClosedRange<Number>? {
        guard let lower = limits.0, let upper = limits.1 else { return nil }
        guard lower <= upper else {
            reader.report(place.path, "accepts no value: its minimum is greater than its maximum")
            return nil
        }
        return lower...upper
    }

    private func format(_ reader: inout JSONSchemaReader) -> JSONSchema.Format? {
        guard let value = object["format"] else { return nil }
        if let format = value.stringValue.flatMap(JSONSchema.Format.init) { return format }
        report("format", "must be one of email, uuid, date-time", &reader)
        return nil
    }

    private func members(_ reader: inout JSONSchemaReader) -> JSONSchema {
        let additional = additional(&reader)
        let required = names("required", &reader)
        var properties: [JSONSchema.Property] = []
        if case .object(let members) = object["properties"] {
            for (name, value) in members.members.map({ ($0.name, $0.value) }) {
                let schema = reader.schema(value, place.inner("properties", .name(name)))
                properties.append(.init(name: name, schema: schema, isRequired: required.contains(name)))
            }
        } else if object["properties"] != nil {
            report("properties", "must be an object", &reader)
        }
        for (index, name) in required.enumerated() where !properties.contains(where: { $0.name == name }) {
            guard let additional else {
                reader.report(
                    place.path + ["required", .index(index)], "is not a property, and additional ones are refused")
                continue
            }
            properties.append(.init(name: name, schema: additional, isRequired: true))
        }
        return .object(properties: properties, additional: additional)
    }

    private func additional(_ reader: inout JSONSchemaReader) -> JSONSchema? {
        switch object["additionalProperties"] {
        case nil, .bool(true): return .any
        case .bool(false): return nil
        case let value?: return reader.schema(value, place.inner("additionalProperties"))
        }
    }

    private func names(_ keyword: String, _ reader: inout JSONSchemaReader) -> [String] {
        guard let value = object[keyword] else { return [] }
        let names = value.arrayValue?.compactMap(\.stringValue) ?? []
        guard names.count == value.arrayValue?.count, Set(names).count == names.count,
            names.count <= JSONSchemaReader.maximumCount
        else {
            report(keyword, "must be an array of at most \(JSONSchemaReader.maximumCount) different strings", &reader)
            return []
        }
        return names
    }
}
