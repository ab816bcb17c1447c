package import JSON

/// The accepted forms of a call's body. The handler gets each of them as the same JSON, already validated by the
/// schema.
package enum BodyFormat: Sendable {
    case none
    case json(JSONSchema)
    /// JSON, or no body, which counts as an empty object.
    case optionalJSON(JSONSchema)
    /// JSON, or `application/x-www-form-urlencoded` read as an object of strings.
    case jsonOrForm(JSONSchema)
    /// The same, or no body, which counts as an empty object.
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
