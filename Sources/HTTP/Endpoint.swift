package import JSON

/// Everything there is to say about one route: the router dispatches by it, the OpenAPI document is written from it.
///
/// `Context` is what a handler is given; this room does not know it. A class, because every request passes one on
/// and none is ever changed.
package final class Endpoint<Context>: Sendable {
    package let method: Method
    /// `/posts/{id}`: literal segments and parameters in braces, each filling one segment.
    package let path: String
    package let access: Access
    /// What an API key must be good for to call it.
    package let scope: Scope
    package let summary: String
    package let query: [QueryParameter]
    package let body: BodyFormat
    package let idempotency: Idempotency
    /// Whether the answer may come later, as `Prefer: wait` asks (RFC 7240, section 4.3).
    package let waits: Bool
    package let answers: [Answer]
    package let handle: @Sendable (Context) throws -> Response

    package init(
        _ method: Method, _ path: String, access: Access, scope: Scope? = nil, summary: String,
        query: [QueryParameter] = [],
        body: BodyFormat = .none, idempotency: Idempotency = .none, waits: Bool = false,
        answers: [Answer],
        handle: @escaping @Sendable (Context) throws -> Response
    ) {
        self.method = method
        self.path = path
        self.access = access
        self.scope = scope ?? (access == .admin ? .admin : method == .get ? .read : .write)
        self.summary = summary
        self.query = query
        self.body = body
        self.idempotency = idempotency
        self.waits = waits
        self.answers = answers
        self.handle = handle
    }
}

/// Who may call an endpoint; decided before its body is decoded.
package enum Access: Sendable {
    case everyone
    /// Guests and API keys too.
    case user
    /// A user who has logged in, a guest too: API keys do not belong to a session.
    case session
    /// A user with an account who has logged in: what manages it is not for API keys, and guests have none.
    case account
    case admin
}

/// What API keys are good for; the method of an endpoint decides unless it says otherwise.
package enum Scope: String, Sendable, CaseIterable {
    case read
    /// To run flows.
    case run
    case write
    /// What only admins may do.
    case admin
}

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

/// What an `Idempotency-Key` does to a call.
package enum Idempotency: Sendable {
    /// The header means nothing here: the method is idempotent by itself.
    case none
    /// The call runs in one transaction which also keeps its answer.
    case wholeCall
    /// The handler commits in several steps and claims the key itself, in the first of them.
    case byHandler
    /// Answers that hold a secret are not kept; a key is answered 400.
    case refused
}

package struct QueryParameter: Sendable {
    package let name: String
    package let schema: JSONSchema
    package let summary: String

    package init(_ name: String, _ schema: JSONSchema, _ summary: String) {
        self.name = name
        self.schema = schema
        self.summary = summary
    }
}

/// One status that an endpoint answers of itself; those of the common stages (401, 404, …) are added by rule.
package struct Answer: Sendable {
    package let status: Status
    package let summary: String
    package let schema: JSONSchema?
    package let contentType: String

    package init(
        _ status: Status, _ summary: String, _ schema: JSONSchema? = nil, contentType: String = "application/json"
    ) {
        self.status = status
        self.summary = summary
        self.schema = schema
        self.contentType = contentType
    }
}
