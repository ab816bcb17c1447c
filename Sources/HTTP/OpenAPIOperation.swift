import JSON

/// One endpoint as an operation of an OpenAPI document.
struct OpenAPIOperation<Context> {
    let endpoint: Endpoint<Context>
    let variables: [ExampleVariable]
    /// Collects the named schemas of this operation.
    let schemas: NamedSchemas

    var json: JSON {
        var operation = JSONObject([
            .init(name: "operationId", value: .string(endpoint.operation)),
            .init(name: "tags", value: [.string(endpoint.tag.name)]),
            .init(name: "summary", value: .string(endpoint.summary)),
            .init(name: "description", value: .string(endpoint.details)),
        ])
        let parameters = pathParameters + queryParameters + headerParameters
        if !parameters.isEmpty { operation["parameters"] = .array(parameters) }
        if let body = requestBody { operation["requestBody"] = body }
        operation["responses"] = responses
        operation["security"] = security
        return .object(operation)
    }

    /// A token; or the cookie that contains it, in which case a call that may change data also sends its CSRF token.
    private var security: JSON {
        guard endpoint.access.needsUser else { return [] }
        let scopes = endpoint.access.takesKeys ? [endpoint.scope, endpoint.limitedScope].compactMap(\.self) : []
        let key = scopes.map { ["apiKey": [.string($0.rawValue)]] as JSON }
        return .array(
            [["bearer": []]] + key + [endpoint.method == .get ? ["cookie": []] : ["cookie": [], "csrf": []]])
    }
}

extension OpenAPIOperation {
    private var pathParameters: [JSON] {
        var parameters: [JSON] = []
        var before = ""
        for segment in endpoint.path.split(separator: "/").map(String.init) {
            defer { before = segment }
            guard segment.hasPrefix("{") else { continue }
            let name = String(segment.dropFirst().dropLast())
            let declared = endpoint.parameters.first { $0.name == name }
            var parameter = JSONObject([
                .init(name: "name", value: .string(name)), .init(name: "in", value: "path"),
                .init(name: "required", value: true),
                .init(
                    name: "description",
                    value: .string(declared?.summary ?? "The id of the \(ExampleCall.noun(before))")),
                .init(
                    name: "schema",
                    value: declared.map { schema(ofSegment: $0.schema) } ?? ["type": "string", "format": "uuid"]),
            ])
            if let example = endpoint.examples.lazy.compactMap({ $0.path[name] }).first {
                parameter["example"] = .string(example.replacingVariables(sampleValue))
            }
            parameters.append(.object(parameter))
        }
        return parameters
    }

    /// A text must also be one that `Path` accepts as a segment.
    private func schema(ofSegment schema: JSONSchema) -> JSON {
        var rendered = schemas.reference(to: schema).objectValue ?? JSONObject()
        if rendered["type"] == "string", rendered["enum"] == nil {
            rendered["pattern"] = #"^(?!\.{1,2}$)[^\u0000-\u001F\u007F/\\]+$"#
        }
        return .object(rendered)
    }

    private var queryParameters: [JSON] {
        endpoint.query.map { field in
            // Several values are one field, separated by commas; for single ones "explode" has no meaning.
            [
                "name": .string(field.name), "in": "query", "description": .string(field.summary), "explode": false,
                "schema": schemas.reference(to: field.schema),
            ]
        }
    }

    private var headerParameters: [JSON] {
        let headers =
            endpoint.headers + (endpoint.waits ? [.prefer] : [])
            + (endpoint.idempotency.takesKey ? [.idempotencyKey] : [])
        return headers.map { header in
            var schema = JSONObject([.init(name: "type", value: "string")])
            if let pattern = header.pattern { schema["pattern"] = .string(pattern) }
            return [
                "name": .string(header.rawValue), "in": "header", "description": .string(header.summary),
                "schema": .object(schema),
            ]
        }
    }
}

extension OpenAPIOperation {
    private var requestBody: JSON? {
        if case .file(let mediaTypes, let limit) = endpoint.body {
            let binary = media(["type": "string", "format": "binary"])
            return [
                "required": true, "description": .string("At most \(limit) bytes"),
                "content": .object(JSONObject(mediaTypes.map { .init(name: $0, value: binary) })),
            ]
        }
        if case .raw(let mediaTypes) = endpoint.body {
            let value = media(schemas.reference(to: .any), examples(isForm: false))
            return [
                "required": false, "content": .object(JSONObject(mediaTypes.map { .init(name: $0, value: value) })),
            ]
        }
        guard let schema = endpoint.body.schema else { return nil }
        var content = JSONObject()
        content["application/json"] = media(schemas.reference(to: schema), examples(isForm: false))
        if endpoint.body.takesForm {
            // A schema with a name of its own: generators make a class of each, and two classes of one name collide.
            let form = schema.named((schema.name ?? "") + "Form")
            content["application/x-www-form-urlencoded"] = media(schemas.reference(to: form), examples(isForm: true))
        }
        return ["required": .bool(!endpoint.body.isOptional), "content": .object(content)]
    }

    private func examples(isForm: Bool) -> [JSONObject.Member] {
        endpoint.examples.filter { $0.body != nil && $0.isForm == isForm }.enumerated().map { index, example in
            .init(
                name: "example\(index + 1)",
                value: [
                    "summary": .string(example.title),
                    "value": example.body?.replacingVariables(sampleValue) ?? .null,
                ])
        }
    }

    func media(_ schema: JSON, _ examples: [JSONObject.Member] = []) -> JSON {
        var media = JSONObject([.init(name: "schema", value: schema)])
        if !examples.isEmpty { media["examples"] = .object(JSONObject(examples)) }
        return .object(media)
    }

    private func sampleValue(_ name: String) -> String? { variables.first { $0.name == name }?.sample }
}
