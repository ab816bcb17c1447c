import HTTP
import JSON
package import Testing

/// Checks a response against the format of all errors, which the application and nginx share.
package func expectProblem(
    _ answer: HTTPAnswer, _ status: Int, _ code: String? = nil, _ comment: String = "",
    sourceLocation: SourceLocation = #_sourceLocation
) {
    var defects: [String] = []
    if answer.status != status { defects.append("status \(answer.status) instead of \(status)") }
    defects += Problem.schema.violations(in: answer.json).map { "\($0.pointer) \($0.message)" }
    if let code, answer["code"] != .string(code) { defects.append("code \(answer["code"].text) instead of \(code)") }
    if answer.headers["content-type"]?.hasPrefix("application/json") != true { defects.append("not JSON") }
    if answer["request_id"] != JSON(answer.headers["x-request-id"]) { defects.append("two request ids") }
    if answer.headers["x-content-type-options"] != "nosniff" { defects.append("no nosniff") }
    if answer.headers["cache-control"] != "no-store" { defects.append("no no-store") }
    #expect(
        defects.isEmpty, "\(comment) \(defects.joined(separator: ", ")): \(answer.text.prefix(500))",
        sourceLocation: sourceLocation)
}

/// The same for a rejected token, with the challenge that RFC 6750, section 3 requires.
package func expectChallenge(
    _ answer: HTTPAnswer, _ code: String, _ comment: String = "", sourceLocation: SourceLocation = #_sourceLocation
) {
    expectProblem(answer, 401, code, comment, sourceLocation: sourceLocation)
    let challenge = answer.headers["www-authenticate"] ?? ""
    #expect(challenge.hasPrefix("Bearer "), "\(comment)", sourceLocation: sourceLocation)
    #expect(
        challenge.contains("error=\"invalid_token\"") == (code != "token_missing"), "\(comment)",
        sourceLocation: sourceLocation)
}

/// The JSON pointers to the invalid parts of a request's body.
package func pointers(_ answer: HTTPAnswer) -> [String] {
    answer["errors"].arrayValue?.compactMap { $0["pointer"]?.stringValue } ?? []
}

/// A random text with this prefix.
package func unique(_ prefix: String) -> String { "\(prefix)\(UInt64.random(in: 0...UInt64.max))" }
