package import JSON

/// Writes the OpenAPI 3.1 document of a list of endpoints.
package enum OpenAPI {
    package static func document<Context>(
        title: String, version: String, summary: String, endpoints: [Endpoint<Context>]
    ) -> JSON {
        var components: [String: JSON] = [:]
        _ = Problem.schema.render(into: &components)
        var paths = JSONObject()
        for endpoint in endpoints {
            var operations = paths[endpoint.path]?.objectValue ?? JSONObject()
            operations[endpoint.method.rawValue.lowercased()] = operation(endpoint, &components)
            paths[endpoint.path] = .object(operations)
        }
        let schemas = components.sorted { $0.key < $1.key }.map { JSONObject.Member(name: $0.key, value: $0.value) }
        return [
            "openapi": "3.1.0",
            "info": ["title": .string(title), "version": .string(version), "summary": .string(summary)],
            "servers": [["url": "/"]],
            "paths": .object(paths),
            "components": [
                "schemas": .object(JSONObject(schemas)),
                "securitySchemes": [
                    "bearer": ["type": "http", "scheme": "bearer", "bearerFormat": "JWT"],
                    "cookie": ["type": "apiKey", "in": "cookie", "name": "access_token"],
                    "csrf": ["type": "apiKey", "in": "header", "name": "X-CSRF-TOKEN"],
                ],
            ],
        ]
    }

    private static func operation<Context>(
        _ endpoint: Endpoint<Context>, _ components: inout [String: JSON]
    ) -> JSON {
        var operation = JSONObject([
            .init(name: "operationId", value: .string(operationID(endpoint))),
            .init(name: "summary", value: .string(endpoint.summary)),
        ])
        let parameters = self.parameters(endpoint, &components)
        if !parameters.isEmpty { operation["parameters"] = .array(parameters) }
        if let body = requestBody(endpoint.body, &components) { operation["requestBody"] = body }
        operation["responses"] = responses(endpoint, &components)
        operation["security"] = security(endpoint)
        return .object(operation)
    }

    /// A token; or the cookie that holds it, beside which a call that may change something shows its CSRF token.
    private static func security<Context>(_ endpoint: Endpoint<Context>) -> JSON {
        guard endpoint.access != .everyone else { return [] }
        return [["bearer": []], endpoint.method == .get ? ["cookie": []] : ["cookie": [], "csrf": []]]
    }

    /// `getPostsId` for `GET /posts/{id}`.
    private static func operationID<Context>(_ endpoint: Endpoint<Context>) -> String {
        let words = endpoint.path.split { !$0.isLetter && !$0.isNumber }
        return endpoint.method.rawValue.lowercased()
            + words.map { $0.prefix(1).uppercased() + $0.dropFirst() }.joined()
    }

    private static func parameters<Context>(
        _ endpoint: Endpoint<Context>, _ components: inout [String: JSON]
    ) -> [JSON] {
        var parameters: [JSON] = endpoint.path.split(separator: "/").filter { $0.hasPrefix("{") }.map { segment in
            let name = String(segment.dropFirst().dropLast())
            return ["name": .string(name), "in": "path", "required": true, "schema": schema(ofParameter: name)]
        }
        for field in endpoint.query {
            // Several values are one field, by comma; for single ones "explode" means nothing.
            parameters.append([
                "name": .string(field.name), "in": "query", "description": .string(field.summary),
                "explode": false, "schema": field.schema.render(into: &components),
            ])
        }
        if endpoint.idempotency == .wholeCall || endpoint.idempotency == .byHandler {
            parameters.append([
                "name": "Idempotency-Key", "in": "header",
                "description":
                    "1 to 255 visible ASCII characters: the call has one effect, its answer is kept 24 hours",
                "schema": ["type": "string", "pattern": "^[!-~]{1,255}$"],
            ])
        }
        return parameters
    }

    /// An id is a UUID; any other is a text that `Path` takes for a segment.
    private static func schema(ofParameter name: String) -> JSON {
        guard name != "id" else { return ["type": "string", "format": "uuid"] }
        return ["type": "string", "pattern": #"^(?!\.{1,2}$)[^\u0000-\u001F\u007F/\\]+$"#]
    }

    private static func requestBody(_ format: BodyFormat, _ components: inout [String: JSON]) -> JSON? {
        guard let schema = format.schema?.render(into: &components) else { return nil }
        let types = ["application/json"] + (format.takesForm ? ["application/x-www-form-urlencoded"] : [])
        let content = types.map { JSONObject.Member(name: $0, value: ["schema": schema]) }
        return ["required": .bool(!format.isOptional), "content": .object(JSONObject(content))]
    }

    private static func responses<Context>(
        _ endpoint: Endpoint<Context>, _ components: inout [String: JSON]
    ) -> JSON {
        var responses = JSONObject()
        for answer in endpoint.answers {
            responses[String(answer.status.rawValue)] = response(answer, &components)
        }
        for answer in commonAnswers(endpoint) where responses[String(answer.status.rawValue)] == nil {
            responses[String(answer.status.rawValue)] = response(answer, &components)
        }
        return .object(responses)
    }

    private static func response(_ answer: Answer, _ components: inout [String: JSON]) -> JSON {
        var response = JSONObject([.init(name: "description", value: .string(answer.summary))])
        if let schema = answer.schema {
            response["content"] = [answer.contentType: ["schema": schema.render(into: &components)]]
        }
        return .object(response)
    }

    /// What the common stages answer, by rule from what the endpoint says of itself.
    private static func commonAnswers<Context>(_ endpoint: Endpoint<Context>) -> [Answer] {
        var answers: [Answer] = [Answer(.badRequest, "The request cannot be read", Problem.schema)]
        if endpoint.access != .everyone {
            answers.append(Answer(.unauthorized, "No valid token", Problem.schema))
            answers.append(
                Answer(.forbidden, "Not for this role, this API key, or by cookie this page", Problem.schema))
        }
        if endpoint.path.contains("{") { answers.append(Answer(.notFound, "There is none", Problem.schema)) }
        if endpoint.idempotency == .wholeCall || endpoint.idempotency == .byHandler {
            answers.append(Answer(.conflict, "The first call with this key is still under way", Problem.schema))
        }
        if !endpoint.query.isEmpty {
            answers.append(Answer(.uriTooLong, "The address is longer than the web server reads", Problem.schema))
        }
        if endpoint.body.schema != nil {
            answers.append(Answer(.contentTooLarge, "The body is larger than 1 MiB", Problem.schema))
            answers.append(Answer(.unsupportedMediaType, "The body is of another type", Problem.schema))
            answers.append(Answer(.unprocessable, "The body breaks its schema or a rule", Problem.schema))
        }
        answers.append(Answer(.unavailable, "Busy or not ready; Retry-After says when to come back", Problem.schema))
        return answers
    }
}
