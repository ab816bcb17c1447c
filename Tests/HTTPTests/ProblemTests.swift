import HTTP
import JSON
import Testing

@Suite struct ProblemTests {
    @Test func hasMessageCodeAndRequestOnly() {
        let response = Problem.notFound.response(requestID: "r1")
        #expect(response.status == .notFound)
        #expect(response.headers["Content-Type"] == "application/json; charset=utf-8")
        #expect(response.body == Array(#"{"message":"Not found","code":"not_found","request_id":"r1"}"#.utf8))
    }

    @Test func namesEveryViolation() throws {
        let problem = Problem.invalid([
            Violation(pointer: "/a", message: "is required"),
            Violation(pointer: "/b/0", message: "is not a known field", hint: "did you mean 'c'?"),
        ])
        let body = try JSON(parsing: problem.response(requestID: "").body)
        #expect(
            body["errors"] == [
                ["pointer": "/a", "message": "is required"],
                ["pointer": "/b/0", "message": "is not a known field", "hint": "did you mean 'c'?"],
            ])
    }

    private static let problems: [(Problem, Int, String)] = [
        (.badRequest("x"), 400, "bad_request"), (.badRequest("x", code: "invalid_json"), 400, "invalid_json"),
        (.unauthorized("x", code: "token_invalid"), 401, "token_invalid"), (.forbidden, 403, "forbidden"),
        (.notFound, 404, "not_found"), (.methodNotAllowed(allow: "GET"), 405, "method_not_allowed"),
        (.unsupportedMediaType, 415, "unsupported_media_type"), (.invalid("/a", "is bad"), 422, "validation_failed"),
        (.internalError, 500, "internal_error"), (.unavailable(), 503, "unavailable"),
    ]

    @Test(arguments: problems) func fitsItsSchema(problem: Problem, status: Int, code: String) throws {
        let response = problem.response(requestID: "r1")
        let body = try JSON(parsing: response.body)
        #expect(response.status.rawValue == status)
        #expect(body["code"] == .string(code))
        #expect(Problem.schema.violations(in: body) == [])
    }

    @Test(
        arguments: [
            (.unauthorized("x", code: "token_missing"), "WWW-Authenticate", "Bearer realm=\"flow-manager\""),
            (
                .unauthorized("x", code: "token_invalid"), "WWW-Authenticate",
                "Bearer realm=\"flow-manager\", error=\"invalid_token\""
            ),
            (.methodNotAllowed(allow: "GET, HEAD"), "Allow", "GET, HEAD"),
            (.unavailable(retryAfter: 3), "Retry-After", "3"),
        ] as [(Problem, String, String)])
    func hasTheHeadersOfItsStatus(problem: Problem, name: String, value: String) {
        #expect(problem.response(requestID: "").headers[name] == value)
    }
}

@Suite struct ResponseTests {
    @Test func createdSaysWhere() {
        let response = Response.created(["id": 1], at: "/posts/1", headers: ["ETag": "\"1\""])
        #expect(response.status == .created)
        #expect(response.headers["Location"] == "/posts/1")
        #expect(response.headers["ETag"] == "\"1\"")
        #expect(response.body == Array(#"{"id":1}"#.utf8))
    }

    @Test func noContentHasNone() {
        #expect(Response.noContent.status.rawValue == 204)
        #expect(Response.noContent.body.isEmpty)
        #expect(Response.noContent.headers.fields.isEmpty)
    }
}
