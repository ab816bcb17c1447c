import JSON

/// One endpoint as an operation of an OpenAPI document.
struct OpenAPIOperation<Context> {
    private let endpoint: Endpoint<Context>
    private let problem: JSON
    private let variables: [ExampleVariable]
    /// The named schemas of the document so far, to which `json` adds those of this operation.
    private(set) var schemas: [String: JSON]

    init(_ endpoint: Endpoint<Context>, _ problem: JSON, _ variables: [ExampleVariable], _ schemas: [String: JSON]) {
        self.endpoint = endpoint
        self.problem = problem
        self.variables = variables
        self.schemas = schemas
    }

    var json: JSON {
        mutating get {
            var operation = JSONObject([
                .init(name: "operationId", value: .string(endpoint.operation)),
                .init(name: "tags", value: [.string(endpoint.tag.name)]),
                .init(name: "summary", value: .string(endpoint.summary)),
                .init(name: "description", value: .string(endpoint.details)),
            ])
            let parameters = self.parameters
            if !parameters.isEmpty { operation["parameters"] = .array(parameters) }
            if let body = requestBody { operation["requestBody"] = body }
            operation["responses"] = responses
            operation["security"] = security
            return .object(operation)
        }
    }

    /// A token; or the cookie that holds it, beside which a call that may change something shows its CSRF token.
    private var security: JSON {
        guard endpoint.access != .everyone else { return [] }
        let key: [JSON] = endpoint.access.takesKeys ? [["apiKey": [.string(endpoint.scope.rawValue)]]] : []
        return .array(
            [["bearer": []]] + key + [endpoint.method == .get ? ["cookie": []] : ["cookie": [], "csrf": []]])
    }
}

extension OpenAPIOperation {
    private var parameters: [JSON] {
        mutating get { pathParameters + queryParameters + headerParameters }
    }

    private var pathParameters: [JSON] {
        mutating get {
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
                ])
                parameter["schema"] =
                    declared.map { schema(ofSegment: $0.schema) } ?? ["type": "string", "format": "uuid"]
                if let example = endpoint.examples.lazy.compactMap({ $0.path[name] }).first {
                    parameter["example"] = .string(sample(example))
                }
                parameters.append(.object(parameter))
            }
            return parameters
        }
    }

    /// A text also has to be one that `Path` takes for a segment.
    private mutating func schema(ofSegment schema: JSONSchema) -> JSON {
        var rendered = schema.render(into: &schemas).objectValue ?? JSONObject()
        if rendered["type"] == "string", rendered["enum"] == nil {
            rendered["pattern"] = #"^(?!\.{1,2}$)[^\u0000-\u001F\u007F/\\]+$"#
        }
        return .object(rendered)
    }

    private var queryParameters: [JSON] {
        mutating get {
            var parameters: [JSON] = []
            for field in endpoint.query {
                // Several values are one field, separated by commas; for single ones "explode" means nothing.
                parameters.append([
                    "name": .string(field.name), "in": "query", "description": .string(field.summary),
                    "explode": false, "schema": field.schema.render(into: &schemas),
                ])
            }
            return parameters
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

    private var requestBody: JSON? {
        mutating get {
            guard let schema = endpoint.body.schema else { return nil }
            var content = JSONObject()
            content["application/json"] = media(schema.render(into: &schemas), examples(isForm: false))
            if endpoint.body.takesForm {
                // A schema of its own name: generators make a class of each, and two of one name collide.
                let form = schema.named((schema.name ?? "") + "Form").render(into: &schemas)
                content["application/x-www-form-urlencoded"] = media(form, examples(isForm: true))
            }
            return ["required": .bool(!endpoint.body.isOptional), "content": .object(content)]
        }
    }

    private func media(_ schema: JSON, _ examples: [JSONObject.Member]) -> JSON {
        var media = JSONObject([.init(name: "schema", value: schema)])
        if !examples.isEmpty { media["examples"] = .object(JSONObject(examples)) }
        return .object(media)
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

    private func sample(_ text: String) -> String { text.replacingVariables(sampleValue) }

    private func sampleValue(_ name: String) -> String? { variables.first { $0.name == name }?.sample }
}

extension OpenAPIOperation {
    private var responses: JSON {
        mutating get {
            var responses = JSONObject()
            for answer in endpoint.answers { responses[String(answer.status.rawValue)] = response(answer) }
            let problems = Dictionary(grouping: endpoint.allProblems, by: \.status)
            for (status, codes) in problems.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
                let own = endpoint.answers.first { $0.status == status }
                responses[String(status.rawValue)] = refusal(status, codes, beside: own)
            }
            return .object(responses)
        }
    }

    private mutating func response(_ answer: Answer) -> JSON {
        var response = JSONObject([.init(name: "description", value: .string(answer.summary))])
        let byRule: [ResponseHeader] =
            (answer.status == .created || answer.status == .accepted ? [.location] : [])
            + (endpoint.idempotency.takesKey ? [.idempotencyReplayed] : [])
            + (endpoint.waits ? [.preferenceApplied] : [])
        response["headers"] = headers([.requestID] + byRule + answer.headers)
        if let schema = answer.schema {
            response["content"] = [answer.contentType: ["schema": schema.render(into: &schemas)]]
        }
        return .object(response)
    }

    /// The answer for errors of one status. Where the status also has an answer of the endpoint's own, both shapes may come.
    private mutating func refusal(_ status: Status, _ codes: [ProblemCode], beside own: Answer?) -> JSON {
        // What to do about each of several codes stands in its example and in the table: repeated here, it would make
        // half of the document.
        let list =
            codes.count == 1
            ? "`\(codes[0].rawValue)`: \(codes[0].message). \(codes[0].remedy)"
            : codes.map { "- `\($0.rawValue)`: \($0.message)" }.joined(separator: "\n")
        let examples = codes.map {
            JSONObject.Member(name: $0.rawValue, value: ["$ref": .string("#/components/examples/\($0.rawValue)")])
        }
        let schema: JSON = own?.schema.map { ["anyOf": [$0.render(into: &schemas), problem]] } ?? problem
        let isLimit = codes.contains { [.rateLimited, .loginThrottled, .guestLimit].contains($0) }
        let byRule: [ResponseHeader] =
            switch status {
            case .unauthorized: [.authenticate]
            case .tooManyRequests: [.retryAfter] + (isLimit ? [.rateLimitPolicy, .rateLimit] : [])
            case .unavailable: [.retryAfter]
            case .conflict where codes.contains(.idempotencyInProgress): [.retryAfter]
            default: []
            }
        return [
            "description": .string([own?.summary, list].compactMap(\.self).joined(separator: "\n\n")),
            "headers": headers([.requestID] + byRule),
            "content": ["application/json": media(schema, examples)],
        ]
    }

    private func headers(_ headers: [ResponseHeader]) -> JSON {
        .object(
            JSONObject(
                headers.map {
                    .init(name: $0.rawValue, value: ["$ref": .string("#/components/headers/\($0.rawValue)")])
                }))
    }
}
