import HTTP
import JSON
package import Testing

/// Holds an answer against what every error looks like, whoever gives it: application or nginx.
package func expectProblem(
    _ answer: HTTPAnswer, _ status: Int, _ code: String? = nil, _ comment: String = "",
    sourceLocation: SourceLocation = #_sourceLocation
) {
    var flaws: [String] = []
    if answer.status != status { flaws.append("status \(answer.status) instead of \(status)") }
    flaws += Problem.schema.violations(in: answer.json).map { "\($0.pointer) \($0.message)" }
    if let code, answer["code"] != .string(code) { flaws.append("code \(answer["code"].text) instead of \(code)") }
    if answer.headers["content-type"]?.hasPrefix("application/json") != true { flaws.append("not JSON") }
    if answer["request_id"] != JSON(answer.headers["x-request-id"]) { flaws.append("two request ids") }
    if answer.headers["x-content-type-options"] != "nosniff" { flaws.append("no nosniff") }
    if answer.headers["cache-control"] != "no-store" { flaws.append("no no-store") }
    #expect(
        flaws.isEmpty, "\(comment) \(flaws.joined(separator: ", ")): \(answer.text.prefix(500))",
        sourceLocation: sourceLocation)
}

/// The same for a refused token, with the challenge that RFC 6750, section 3 asks for.
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

/// What is wrong with a body, as pointers.
package func pointers(_ answer: HTTPAnswer) -> [String] {
    answer["errors"].arrayValue?.compactMap { $0["pointer"]?.stringValue } ?? []
}

/// Text that occurs nowhere else.
package func unique(_ prefix: String) -> String { "\(prefix)\(UInt64.random(in: 0...UInt64.max))" }
