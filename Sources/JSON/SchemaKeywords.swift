/// The keywords of one schema that `JSONSchemaReader` reads.
struct SchemaKeywords {
    private static let annotations = ["title", "description", "examples", "$comment", "$schema"]
    private static let ofType: [String: [String]] = [
        "null": [], "boolean": [], "integer": ["minimum", "maximum"], "number": ["minimum", "maximum"],
        "string": ["minLength", "maxLength", "format"], "array": ["items", "minItems", "maxItems"],
        "object": ["properties", "required", "additionalProperties"],
    ]
    private static let known =
        Set(["type", "const", "enum", "anyOf"] + annotations + ofType.values.flatMap(\.self)).sorted()
    private static let dialect = "https://json-schema.org/draft/2020-12/schema"
    private static let maximumChoices = 200

    let object: JSONObject
    let place: JSONSchemaReader.Place

    init(_ object: JSONObject, _ place: JSONSchemaReader.Place) {
        self.object = object
        self.place = place
    }

    func read(by reader: inout JSONSchemaReader) -> JSONSchema {
        let type = type(&reader)
        refuseUnknown(type, &reader)
        if let alternatives = object["anyOf"] { return anyOf(alternatives, &reader) }
        let whole = typed(type, &reader)
        if let constant = object["const"] {
            if !whole.violations(in: constant).isEmpty { report("const", "does not fit the other keywords", &reader) }
            return .constant(constant)
        }
        return object["enum"].map { choices($0, of: whole, &reader) } ?? whole
    }

    func report(_ keyword: String, _ message: String, _ reader: inout JSONSchemaReader, hint: String? = nil) {
        reader.report(place.path + [.name(keyword)], message, hint: hint)
    }

    /// The `type`; nil if there is none or it is invalid, which is reported.
    private func type(_ reader: inout JSONSchemaReader) -> String? {
        guard let value = object["type"] else { return nil }
        let types = Self.ofType.keys.sorted()
        if let type = value.stringValue, types.contains(type) { return type }
        report(
            "type", "must be one of \(types.joined(separator: ", "))", &reader,
            hint: value.arrayValue != nil
                ? "'anyOf' takes several schemas"
                : value.stringValue.flatMap { Violation.didYouMean($0, among: types) })
        return nil
    }

    private func refuseUnknown(_ type: String?, _ reader: inout JSONSchemaReader) {
        let allowed = Self.annotations + ["type", "const", "enum"] + (type.flatMap { Self.ofType[$0] } ?? [])
        for name in object.members.map(\.name) where !allowed.contains(name) && name != "anyOf" {
            let types = Self.ofType.filter { $0.value.contains(name) }.keys.sorted()
            if types.isEmpty {
                report(
                    name, "is not a supported keyword", &reader, hint: Violation.didYouMean(name, among: Self.known))
            } else if object["type"] == nil || type != nil {
                report(name, "needs the type \(types.joined(separator: " or "))", &reader)
            }
        }
        if object["anyOf"] != nil {
            for name in ["type", "const", "enum"] where object[name] != nil {
                report(name, "cannot be combined with 'anyOf'", &reader)
            }
        }
        if let dialect = object["$schema"], dialect != .string(Self.dialect) {
            report("$schema", "must be '\(Self.dialect)'", &reader)
        }
    }

    private func anyOf(_ value: JSON, _ reader: inout JSONSchemaReader) -> JSONSchema {
        guard let schemas = value.arrayValue, !schemas.isEmpty else {
            report("anyOf", "must be an array of schemas that is not empty", &reader)
            return .any
        }
        guard place.alternatives * schemas.count <= JSONSchemaReader.maximumAlternatives else {
            report(
                "anyOf", "leads to more than \(JSONSchemaReader.maximumAlternatives) alternatives for one value",
                &reader)
            return .any
        }
        return .anyOf(
            schemas.enumerated().map { index, schema in
                reader.schema(schema, place.inner("anyOf", .index(index), alternatives: schemas.count))
            })
    }

    private func choices(_ value: JSON, of whole: JSONSchema, _ reader: inout JSONSchemaReader) -> JSONSchema {
        let choices = value.arrayValue?.compactMap(\.stringValue) ?? []
        guard (1...Self.maximumChoices).contains(choices.count), choices.count == value.arrayValue?.count else {
            report("enum", "must be an array of 1 to \(Self.maximumChoices) strings", &reader)
            return .any
        }
        for (index, choice) in choices.enumerated() where !whole.violations(in: .string(choice)).isEmpty {
            reader.report(place.path + ["enum", .index(index)], "does not fit the other keywords")
        }
        return .string(enum: choices)
    }
}
