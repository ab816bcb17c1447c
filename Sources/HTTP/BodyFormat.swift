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
    /// A file of one of these media types, of at most `limit` bytes; the handler reads it as it was sent.
    case file(mediaTypes: [String], limit: Int)

    /// How the edge takes the body.
    package var policy: BodyPolicy {
        switch self {
        case .none: .none
        case .json, .optionalJSON, .jsonOrForm, .optionalJSONOrForm: .memory
        case .file(_, let limit): .file(limit: limit)
        }
    }

    package var schema: JSONSchema? {
        switch self {
        case .none, .file: nil
        case .json(let schema), .optionalJSON(let schema), .jsonOrForm(let schema), .optionalJSONOrForm(let schema):
            schema
        }
    }

    package var isOptional: Bool {
        switch self {
        case .optionalJSON, .optionalJSONOrForm: true
        case .none, .json, .jsonOrForm, .file: false
        }
    }

    package var takesForm: Bool {
        switch self {
        case .jsonOrForm, .optionalJSONOrForm: true
        case .none, .json, .optionalJSON, .file: false
        }
    }
}
