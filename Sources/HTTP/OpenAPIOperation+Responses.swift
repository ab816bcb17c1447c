import JSON

extension OpenAPIOperation {
    /// The endpoint's own answers in their order, then its errors by status.
    var responses: JSON {
        var responses = JSONObject()
        for answer in endpoint.answers {
            let name = String(answer.status.rawValue)
            responses[name] = response(answer, beside: responses[name])
        }
        let problems = Dictionary(grouping: endpoint.allProblems, by: \.status)
        for (status, codes) in problems.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
            let own = endpoint.answers.first { $0.status == status }
            responses[String(status.rawValue)] = refusal(status, codes, beside: own)
        }
        return .object(responses)
    }

    /// - Parameter other: the response with the same status and another content type.
    private func response(_ answer: Answer, beside other: JSON?) -> JSON {
        var response = JSONObject([
            .init(name: "description", value: .string(answer.summary)),
            .init(name: "headers", value: headers(of: answer)),
        ])
        if let schema = answer.schema {
            var content = JSONObject()
            if case .object(let others)? = other?["content"] { content = others }
            content[answer.contentType] = media(schemas.reference(to: schema))
            response["content"] = .object(content)
        }
        return .object(response)
    }

    /// The response for errors of one status. If the endpoint also has an answer with the status, both forms are
    /// possible.
    private func refusal(_ status: Status, _ codes: [ProblemCode], beside own: Answer?) -> JSON {
        // The remedy of each of several codes is in its example and in the table: repeated here, it would make up half
        // of the document.
        let list =
            codes.count == 1
            ? "`\(codes[0].rawValue)`: \(codes[0].message). \(codes[0].remedy)"
            : codes.map { "- `\($0.rawValue)`: \($0.message)" }.joined(separator: "\n")
        let examples = codes.map {
            JSONObject.Member(name: $0.rawValue, value: ["$ref": .string("#/components/examples/\($0.rawValue)")])
        }
        let problem = schemas.reference(to: Problem.schema)
        let schema: JSON = own?.schema.map { ["anyOf": [schemas.reference(to: $0), problem]] } ?? problem
        return [
            "description": .string([own?.summary, list].compactMap(\.self).joined(separator: "\n\n")),
            "headers": own.map { headers(of: $0) } ?? headers(of: status, codes),
            "content": ["application/json": media(schema, examples)],
        ]
    }

    private func headers(of answer: Answer) -> JSON {
        var headers: [ResponseHeader] = [.requestID]
        // Other services may not read what they have started.
        if answer.status == .created || answer.status == .accepted, !endpoint.isForServices {
            headers.append(.location)
        }
        if endpoint.idempotency.takesKey { headers.append(.idempotencyReplayed) }
        if endpoint.waits { headers.append(.preferenceApplied) }
        if endpoint.rateClass.countsCalls { headers += [.rateLimitPolicy, .rateLimit] }
        return references(to: headers + answer.headers)
    }

    private func headers(of status: Status, _ codes: [ProblemCode]) -> JSON {
        var headers: [ResponseHeader] = [.requestID]
        switch status {
        case .unauthorized: headers.append(.authenticate)
        case .tooManyRequests:
            headers.append(.retryAfter)
            if codes.contains(where: \.isRateLimit) { headers += [.rateLimitPolicy, .rateLimit] }
        case .unavailable: headers.append(.retryAfter)
        case .conflict where codes.contains(.idempotencyInProgress): headers.append(.retryAfter)
        // Stored with their key, as successes are.
        case .paymentRequired where endpoint.idempotency.takesKey, .unprocessable where endpoint.idempotency.takesKey:
            headers.append(.idempotencyReplayed)
        default: break
        }
        return references(to: headers)
    }

    private func references(to headers: [ResponseHeader]) -> JSON {
        .object(
            JSONObject(
                headers.map {
                    .init(name: $0.rawValue, value: ["$ref": .string("#/components/headers/\($0.rawValue)")])
                }))
    }
}
