import HTTP
import JSON
import TestSupport
import Testing

@Suite struct ProblemTests {
    @Test func containsOnlyMessageCodeAndRequestID() {
        let response = Problem.notFound.response(requestID: "r1")
        #expect(response.status == .notFound)
        #expect(response.headers["Content-Type"] == "application/json; charset=utf-8")
        #expect(response.bytes == Array(#"{"message":"Not found","code":"not_found","request_id":"r1"}"#.utf8))
    }

    @Test func listsEveryViolation() throws {
        let problem = Problem.invalid([
            Violation(pointer: "/a", message: "is required"),
            Violation(pointer: "/b/0", message: "is not a known field", hint: "did you mean 'c'?"),
        ])
        let body = try JSON(parsing: problem.response(requestID: "").bytes)
        #expect(
            body["errors"] == [
                ["pointer": "/a", "message": "is required"],
                ["pointer": "/b/0", "message": "is not a known field", "hint": "did you mean 'c'?"],
            ])
    }

    @Test func countsTheViolationsThatAreLeftOut() throws {
        let problem = Problem.invalid((0..<150).map { Violation(pointer: "/\($0)", message: "is required") })
        let body = try JSON(parsing: problem.response(requestID: "").bytes)
        #expect(body["errors"]?.arrayValue?.count == 100)
        #expect(body["errors_omitted"] == 50)
        #expect(Problem.schema.violations(in: body) == [])
        let long = Problem(.badRequest, String(repeating: "x", count: 500_000))
        #expect(long.response(requestID: "").bytes.count < 1_200)
    }

    private static let problems: [(Problem, Int, String)] = [
        (Problem(.badRequest, "x"), 400, "bad_request"), (Problem(.invalidJSON), 400, "invalid_json"),
        (.unauthorized(.tokenInvalid), 401, "token_invalid"), (.forbidden("x"), 403, "forbidden"),
        (.notFound, 404, "not_found"), (.methodNotAllowed(allow: "GET"), 405, "method_not_allowed"),
        (Problem(.unsupportedMediaType), 415, "unsupported_media_type"),
        (.invalid("/a", "is bad"), 422, "validation_failed"),
        (.internalError, 500, "internal_error"), (.unavailable(), 503, "unavailable"),
        (Problem(failedTask: "division_by_zero", "Division by zero"), 422, "division_by_zero"),
    ]

    @Test(arguments: problems) func matchesItsSchema(problem: Problem, status: Int, code: String) throws {
        let response = problem.response(requestID: "r1")
        let body = try JSON(parsing: response.bytes)
        #expect(response.status.rawValue == status)
        #expect(body["code"] == .string(code))
        #expect(Problem.schema.violations(in: body) == [])
    }

    @Test(
        arguments: [
            (.unauthorized(.tokenMissing), "WWW-Authenticate", "Bearer realm=\"flow-manager\""),
            (
                .unauthorized(.tokenInvalid), "WWW-Authenticate",
                "Bearer realm=\"flow-manager\", error=\"invalid_token\""
            ),
            (.methodNotAllowed(allow: "GET, HEAD"), "Allow", "GET, HEAD"),
            (.unavailable(retryAfter: 3), "Retry-After", "3"),
        ] as [(Problem, String, String)])
    func hasTheHeadersOfItsStatus(problem: Problem, name: String, value: String) {
        #expect(problem.response(requestID: "").headers[name] == value)
    }
}

@Suite struct ProblemCodeTests {
    /// Texts for people: complete sentences; the message has no full stop, as it may be part of a longer sentence.
    @Test(arguments: ProblemCode.allCases) func hasAMessageAndARemedy(code: ProblemCode) {
        #expect(!code.status.isSuccess)
        #expect(code.message.first?.isUppercase == true && code.message.last != ".")
        #expect(code.remedy.first?.isUppercase == true && code.remedy.last == ".")
        #expect(code.rawValue.allSatisfy { $0.isASCII && ($0.isLowercase || $0 == "_") })
        // Both are cells of a table in Markdown.
        #expect(!(code.message + code.remedy).contains { $0 == "|" || $0.isNewline })
    }
}

@Suite struct ResponseTests {
    @Test func createdHasALocation() {
        let response = Response.created(["id": 1], at: "/posts/1", headers: ["ETag": "\"1\""])
        #expect(response.status == .created)
        #expect(response.headers["Location"] == "/posts/1")
        #expect(response.headers["ETag"] == "\"1\"")
        #expect(response.bytes == Array(#"{"id":1}"#.utf8))
    }

    @Test func noContentIsEmpty() {
        #expect(Response.noContent.status.rawValue == 204)
        #expect(Response.noContent.bytes.isEmpty)
        #expect(Response.noContent.headers.fields.isEmpty)
    }
}
