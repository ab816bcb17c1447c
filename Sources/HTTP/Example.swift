package import JSON

/// A call that works as written: the API description and the Postman collection show it, and tests send it.
///
/// Texts may contain `{{name}}`, a variable of the collection: the reader sets its value, or it is taken from the
/// response of an earlier example.
package struct Example: Sendable {
    /// The credentials that the call sends.
    package enum Credentials: Sendable, Equatable {
        case none
        /// The bearer token in that variable.
        case token(String)
        /// The cookies of an earlier login and `X-CSRF-TOKEN`.
        case cookie
        /// The cookies without `X-CSRF-TOKEN`.
        case cookieWithoutProof
    }

    package let title: String
    /// Values of path parameters; an id that is missing here is the variable of its resource: `{{post_id}}`.
    package let path: [String: String]
    package let query: [Field]
    package let headers: [Field]
    package let body: JSON?
    /// Whether the body is sent as `application/x-www-form-urlencoded`.
    package let isForm: Bool
    /// The expected status; nil: that of the endpoint's first answer.
    package let status: Status?
    /// Nil: `token` for users, `admin_token` for admins, none for an endpoint without authentication.
    package let credentials: Credentials?
    /// Variables that are set from the response, each with the JSON pointer of its value.
    package let stores: [StoredVariable]

    /// A field of the query or a header.
    package struct Field: Sendable {
        package let name: String
        package let value: String
    }
    package struct StoredVariable: Sendable {
        package let variable: String
        package let pointer: String
    }

    package init(
        _ title: String, path: [String: String] = [:], query: KeyValuePairs<String, String> = [:],
        headers: KeyValuePairs<String, String> = [:], body: JSON? = nil, isForm: Bool = false, status: Status? = nil,
        as credentials: Credentials? = nil, stores: KeyValuePairs<String, String> = [:]
    ) {
        self.title = title
        self.path = path
        self.query = query.map { Field(name: $0.key, value: $0.value) }
        self.headers = headers.map { Field(name: $0.key, value: $0.value) }
        self.body = body
        self.isForm = isForm
        self.status = status
        self.credentials = credentials
        self.stores = stores.map { StoredVariable(variable: $0.key, pointer: $0.value) }
    }
}

/// A variable that examples use.
package struct ExampleVariable: Sendable {
    package let name: String
    /// The value in a new collection; empty if a response sets it.
    package let initial: String
    /// The value that the API description shows.
    package let sample: String
    package let summary: String

    package init(_ name: String, initial: String = "", sample: String? = nil, _ summary: String) {
        self.name = name
        self.initial = initial
        self.sample = sample ?? initial
        self.summary = summary
    }
}
