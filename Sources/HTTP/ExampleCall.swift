package import JSON

/// An example with what its endpoint adds: a whole call. Its texts may contain `{{variables}}`.
package struct ExampleCall: Sendable {
    package let title: String
    /// What the endpoint does and who may call it, in Markdown.
    package let description: String
    package let operation: String
    package let method: Method
    /// With variables instead of ids, without the query.
    package let path: String
    package let query: [Example.Field]
    package let headers: [Example.Field]
    package let body: JSON?
    package let isForm: Bool
    package let status: Status
    package let credentials: Example.Credentials
    package let stores: [Example.StoredVariable]

    package init<Context>(_ example: Example, of endpoint: Endpoint<Context>) {
        title = example.title
        description = "\(endpoint.summary).\n\n\(endpoint.details)"
        operation = endpoint.operation
        method = endpoint.method
        path = ExampleCall.path(endpoint.path, example.path)
        query = example.query
        headers = example.headers
        body = example.body
        isForm = example.isForm
        status = example.status ?? endpoint.answers[0].status
        credentials = example.credentials ?? ExampleCall.credentials(endpoint.access)
        stores = example.stores
    }

    private static func credentials(_ access: Access) -> Example.Credentials {
        switch access {
        case .everyone, .operators: .none
        case .user, .session, .account, .member: .token("token")
        case .admin: .token("admin_token")
        }
    }

    private static func path(_ path: String, _ values: [String: String]) -> String {
        var before = ""
        return path.split(separator: "/", omittingEmptySubsequences: false).map { segment in
            defer { before = String(segment) }
            guard segment.hasPrefix("{") else { return String(segment) }
            let name = String(segment.dropFirst().dropLast())
            return values[name] ?? "{{\(noun(before))_\(name)}}"
        }.joined(separator: "/")
    }

    /// The noun for one element of a path's collection: `execution` for `executions`.
    static func noun(_ collection: String) -> String {
        if collection.hasSuffix("ies") { return collection.dropLast(3) + "y" }
        return collection.hasSuffix("s") ? String(collection.dropLast()) : collection
    }
}

extension Endpoint {
    /// The endpoint's examples; an endpoint without any gets one, with its summary as the title.
    package var calls: [ExampleCall] {
        (examples.isEmpty ? [Example(summary)] : examples).map { ExampleCall($0, of: self) }
    }
}

extension JSON {
    /// The value with each `{{name}}` in its texts replaced; a name without a value remains.
    package func replacingVariables(_ value: (String) -> String?) -> JSON {
        switch self {
        case .string(let text): .string(text.replacingVariables(value))
        case .array(let elements): .array(elements.map { $0.replacingVariables(value) })
        case .object(let object):
            .object(
                JSONObject(object.members.map { .init(name: $0.name, value: $0.value.replacingVariables(value)) }))
        case .null, .bool, .integer, .unsigned, .number: self
        }
    }

    /// The names of all variables in its texts.
    package var variables: [String] {
        switch self {
        case .string(let text): text.variables
        case .array(let elements): elements.flatMap(\.variables)
        case .object(let object): object.members.flatMap(\.value.variables)
        case .null, .bool, .integer, .unsigned, .number: []
        }
    }
}

extension String {
    /// The text with each `{{name}}` replaced; a name without a value remains.
    package func replacingVariables(_ value: (String) -> String?) -> String {
        pieces.map { $0.isVariable ? value($0.text) ?? "{{\($0.text)}}" : $0.text }.joined()
    }

    /// The names in `{{…}}`, in order.
    package var variables: [String] { pieces.filter(\.isVariable).map(\.text) }

    private var pieces: [(text: String, isVariable: Bool)] {
        var pieces: [(text: String, isVariable: Bool)] = []
        var rest = self[...]
        while let begin = rest.firstRange(of: "{{"), let end = rest[begin.upperBound...].firstRange(of: "}}") {
            pieces.append((String(rest[..<begin.lowerBound]), false))
            pieces.append((String(rest[begin.upperBound..<end.lowerBound]), true))
            rest = rest[end.upperBound...]
        }
        pieces.append((String(rest), false))
        return pieces
    }
}
