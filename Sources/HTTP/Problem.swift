package import JSON

/// An error as a client sees it, in the one format of all error responses.
///
/// `message` is for people, `code` for programs. Nothing internal may get into either: an internal cause is logged
/// under the request's id.
package struct Problem: Error, Sendable {
    package var status: Status
    package var code: String
    package var message: String
    package var violations: Violations
    package var headers: Headers

    /// The maximum length of a message, in Unicode scalars, without the ellipsis of a shortened one.
    private static let maximumLength = 1_000

    /// - Parameter message: replaces the code's own, to name what the caller has to correct.
    package init(
        _ code: ProblemCode, _ message: String? = nil, violations: Violations = [], headers: Headers = [:]
    ) {
        status = code.status
        self.code = code.rawValue
        // It may quote what the caller sent.
        self.message = message?.shortened(to: Problem.maximumLength) ?? code.message
        self.violations = violations
        self.headers = headers
    }

    /// 422 for a task that failed, with the error of its step.
    package init(failedTask code: String, _ message: String) {
        self.init(.validationFailed, message)
        self.code = code
    }

    package func response(requestID: String) -> Response {
        var body = JSONObject([
            .init(name: "message", value: .string(message)),
            .init(name: "code", value: .string(code)),
            .init(name: "request_id", value: .string(requestID)),
        ])
        if !violations.isEmpty { body["errors"] = .array(violations.map(\.json)) }
        if violations.omitted > 0 { body["errors_omitted"] = JSON(violations.omitted) }
        return .json(.object(body), status: status, headers: headers)
    }

    /// The schema of `response(requestID:)`, for the API description.
    package static let schema = JSONSchema.object(
        required: [
            "message": JSONSchema.string(maxLength: maximumLength + 1).described("What happened, for people"),
            "code": JSONSchema.string(maxLength: 100).described(
                "What happened, for programs: a code of the table under Errors"),
            "request_id": JSONSchema.string(maxLength: 64).described("Identifies the call in the operator's logs"),
        ],
        optional: [
            "errors": JSONSchema.array(of: violation, count: 0...Violations.maximumCount).described(
                "Everything that is wrong with the body, at most \(Violations.maximumCount) entries"),
            "errors_omitted": JSONSchema.integer.described("How many mistakes `errors` leaves out"),
        ]
    ).described("Every error response").named("Problem")

    private static let violation = JSONSchema.object(
        required: [
            "pointer": Violation.pointerSchema.described("The wrong field, as a JSON pointer (RFC 6901)"),
            "message": Violation.textSchema.described("What is wrong with it: \"must be a string\""),
        ],
        optional: ["hint": Violation.textSchema.described("What was probably meant: \"did you mean 'email'?\"")]
    ).described("One mistake in a body").named("Violation")
}

extension Violation {
    fileprivate var json: JSON {
        var members = JSONObject([
            .init(name: "pointer", value: .string(pointer)), .init(name: "message", value: .string(message)),
        ])
        if let hint { members["hint"] = .string(hint) }
        return .object(members)
    }
}

extension Problem {
    package static let notFound = Problem(.notFound)

    /// 403; the message names what the caller lacks.
    package static func forbidden(_ message: String) -> Problem { Problem(.forbidden, message) }

    /// 401 with the challenge that RFC 6750, section 3 requires; it names an error only if a token was refused.
    package static func unauthorized(_ code: ProblemCode) -> Problem {
        let refusesToken = code == .tokenInvalid || code == .tokenExpired
        let parameter = refusesToken ? ", error=\"invalid_token\"" : ""
        return Problem(code, headers: ["WWW-Authenticate": "Bearer realm=\"flow-manager\"" + parameter])
    }

    package static func methodNotAllowed(allow: String) -> Problem {
        Problem(.methodNotAllowed, headers: ["Allow": allow])
    }

    /// Everything that is wrong with a body that could be parsed.
    package static func invalid(_ violations: Violations) -> Problem {
        Problem(.validationFailed, violations: violations)
    }

    package static func invalid(_ violations: [Violation]) -> Problem { invalid(Violations(violations)) }

    package static func invalid(_ pointer: String, _ message: String) -> Problem {
        invalid([Violation(pointer: pointer, message: message)])
    }

    /// 503: the caller did nothing wrong and may repeat the call.
    package static func unavailable(retryAfter seconds: Int = 1) -> Problem {
        Problem(.unavailable, headers: ["Retry-After": String(seconds)])
    }

    package static let internalError = Problem(.internalError)
}
