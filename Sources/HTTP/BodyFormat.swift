package import JSON

/// What a call's body may be. Both forms arrive at the handler as the same JSON, already valid by the schema.
package enum BodyFormat: Sendable {
    case none
    case json(JSONSchema)
    /// JSON, or nothing, which counts as an empty object.
    case optionalJSON(JSONSchema)
    /// JSON, or `application/x-www-form-urlencoded` read as an object of strings.
    case jsonOrForm(JSONSchema)
    /// The same, or nothing, which counts as an empty object.
    case optionalJSONOrForm(JSONSchema)

    package var schema: JSONSchema? {
        switch self {
        case .none: nil
        case .json(let schema), .optionalJSON(let schema), .jsonOrForm(let schema), .optionalJSONOrForm(let schema):
            schema
        }
    }

    package var isOptional: Bool {
        switch self {
        case .optionalJSON, .optionalJSONOrForm: true
        case .none, .json, .jsonOrForm: false
        }
    }

    package var takesForm: Bool {
        switch self {
        case .jsonOrForm, .optionalJSONOrForm: true
        case .none, .json, .optionalJSON: false
        }
    }
}
