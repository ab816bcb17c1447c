package import JSON

/// The accepted forms of a call's body. The handler gets each of them as the same JSON, already validated by the
/// schema.
package enum BodyFormat: Sendable {
    /// Returns the mistakes in a body that its schema does not express. They are reported together with those of the
    /// schema, so the body may have any form.
    package typealias Rules = @Sendable (JSON) -> [Violation]

    case none
    case json(JSONSchema, rules: Rules? = nil)
    /// JSON, or no body, which counts as an empty object.
    case optionalJSON(JSONSchema)
    /// JSON, or `application/x-www-form-urlencoded` read as an object of strings.
    case jsonOrForm(JSONSchema, rules: Rules? = nil)
    /// The same, or no body, which counts as an empty object.
    case optionalJSONOrForm(JSONSchema)
    /// Bytes of one of these media types, or none, which the handler reads as they were sent: a signature is of them.
    case raw(mediaTypes: [String])
    /// A file of one of these media types, of at most `limit` bytes; the handler reads it as it was sent.
    case file(mediaTypes: [String], limit: Int)

    /// How the edge takes the body.
    package var policy: BodyPolicy {
        switch self {
        case .none: .none
        case .json, .optionalJSON, .jsonOrForm, .optionalJSONOrForm, .raw: .memory
        case .file(_, let limit): .file(limit: limit)
        }
    }

    package var schema: JSONSchema? {
        switch self {
        case .none, .raw, .file: nil
        case .json(let schema, _), .optionalJSON(let schema), .jsonOrForm(let schema, _),
            .optionalJSONOrForm(let schema):
            schema
        }
    }

    package var rules: Rules? {
        switch self {
        case .json(_, let rules), .jsonOrForm(_, let rules): rules
        case .none, .optionalJSON, .optionalJSONOrForm, .raw, .file: nil
        }
    }

    /// Whether the body is read as JSON or as a form: by the edge, or by the handler.
    package var isParsed: Bool {
        if case .raw = self { true } else { schema != nil }
    }

    package var isOptional: Bool {
        switch self {
        case .optionalJSON, .optionalJSONOrForm, .raw: true
        case .none, .json, .jsonOrForm, .file: false
        }
    }

    package var takesForm: Bool {
        switch self {
        case .jsonOrForm, .optionalJSONOrForm: true
        case .none, .json, .optionalJSON, .raw, .file: false
        }
    }
}
