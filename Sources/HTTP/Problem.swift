package import JSON

/// An error as a client sees it: the one shape of every answer that is no success.
///
/// `message` is for people, `code` for programs. Nothing internal may enter either: what went wrong inside is
/// reported to the log under the request's id.
package struct Problem: Error, Sendable {
    package var status: Status
    package var code: String
    package var message: String
    package var violations: [Violation]
    package var headers: Headers

    package init(
        _ status: Status, _ code: String, _ message: String, violations: [Violation] = [], headers: Headers = [:]
    ) {
        self.status = status
        self.code = code
        self.message = message
        self.violations = violations
        self.headers = headers
    }

    package func response(requestID: String) -> Response {
        var body: JSONObject = JSONObject([
            .init(name: "message", value: .string(message)),
            .init(name: "code", value: .string(code)),
            .init(name: "request_id", value: .string(requestID)),
        ])
        if !violations.isEmpty { body["errors"] = .array(violations.map(\.json)) }
        return .json(.object(body), status: status, headers: headers)
    }

    /// The schema of `response(requestID:)`, for the OpenAPI document.
    package static let schema = JSONSchema.object(
        required: ["message": .string(), "code": .string(), "request_id": .string()],
        optional: [
            "errors": .array(
                of: .object(
                    required: ["pointer": .string(), "message": .string()], optional: ["hint": .string()]))
        ]
    ).named("Problem")
}

extension Violation {
    fileprivate var json: JSON {
        var members: JSONObject = JSONObject([
            .init(name: "pointer", value: .string(pointer)), .init(name: "message", value: .string(message)),
        ])
        if let hint { members["hint"] = .string(hint) }
        return .object(members)
    }
}

extension Problem {
    package static func badRequest(_ message: String, code: String = "bad_request") -> Problem {
        Problem(.badRequest, code, message)
    }

    package static let notFound = Problem(.notFound, "not_found", "Not found")

    package static let forbidden = Problem(.forbidden, "forbidden", "You may not do this")

    /// 401 with the challenge that RFC 6750, section 3 asks for; it names an error only where a token was refused.
    package static func unauthorized(_ message: String, code: String) -> Problem {
        let refusesToken = code == "token_invalid" || code == "token_expired"
        let parameter = refusesToken ? ", error=\"invalid_token\"" : ""
        return Problem(
            .unauthorized, code, message,
            headers: ["WWW-Authenticate": "Bearer realm=\"flow-manager\"" + parameter])
    }

    package static func methodNotAllowed(allow: String) -> Problem {
        Problem(.methodNotAllowed, "method_not_allowed", "Method not allowed", headers: ["Allow": allow])
    }

    /// Everything that is wrong with a body that could be read.
    package static func invalid(_ violations: [Violation]) -> Problem {
        Problem(.unprocessable, "validation_failed", "The request is not valid", violations: violations)
    }

    package static func invalid(_ pointer: String, _ message: String) -> Problem {
        invalid([Violation(pointer: pointer, message: message)])
    }

    package static let unsupportedMediaType = Problem(
        .unsupportedMediaType, "unsupported_media_type", "The body must be application/json in UTF-8")

    /// 503: the caller did nothing wrong and may repeat the call.
    package static func unavailable(retryAfter seconds: Int = 1) -> Problem {
        Problem(
            .unavailable, "unavailable", "The service is busy, please try again",
            headers: ["Retry-After": String(seconds)])
    }

    package static let internalError = Problem(.internalError, "internal_error", "Internal error")
}
