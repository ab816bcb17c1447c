import Crypto
import Flows
import HTTP
import HTTPClient
import JSON
import System

/// What a step makes of the answer of a web service.
enum ServiceAnswer {
    /// The form of a body in the output of a step.
    enum Encoding: String, CaseIterable {
        case json
        case text
        case base64url
    }

    /// How much of an unexpected answer's body the step's error has, in bytes.
    private static let excerptLimit = 2_048
    /// The longest delay that a service can ask for: as long as one that a flow can ask for.
    private static let longestDelay = Duration.seconds(86_400)

    /// - Parameters:
    ///   - expected: the statuses that are a success; nil: 200 to 299.
    ///   - mask: replaces the secret of the request, before anything of the answer is kept.
    static func end(
        of result: Result<IncomingResponse, HTTPClientError>, expecting expected: [Int64]?, masking mask: SecretMask?
    ) -> CallEnd {
        switch result {
        case .failure(let error):
            let failure = failure(error)
            return CallEnd(failure.code, isTrouble: error != .canceled && error != .tooLarge) { throw failure }
        case .success(let response):
            let status = response.status
            let isExpected = expected?.contains(Int64(status.rawValue)) ?? status.isSuccess
            return CallEnd("\(status.rawValue / 100)xx", isTrouble: !isExpected && status.rawValue >= 500) {
                let response = try mask.map { try masked(response, by: $0) } ?? response
                guard isExpected else { throw failure(response) }
                return output(of: response)
            }
        }
    }

    /// - Throws: `TaskFailure` for an answer in which a secret cannot be found, because its content is encoded, which
    ///   the request has not asked for, or made to take too long.
    private static func masked(_ response: IncomingResponse, by mask: SecretMask) throws -> IncomingResponse {
        let coding = response.headers.list("Content-Encoding")?.lowercased() ?? "identity"
        guard coding == "identity" else {
            throw TaskFailure(
                code: "answer_encoded",
                message: "The answer is compressed, so that the credential cannot be masked in it")
        }
        do {
            return try mask.masked(response)
        } catch {
            throw TaskFailure(
                code: "answer_encoded", message: "The answer is such that the credential cannot be masked in it")
        }
    }

    private static func output(of response: IncomingResponse) -> JSON {
        var headers = JSONObject()
        for field in response.headers.fields {
            let name = field.name.lowercased()
            if headers[name] == nil { headers[name] = .string(response.headers.list(field.name) ?? "") }
        }
        let (body, encoding) = body(of: response)
        return [
            "status": JSON(response.status.rawValue), "headers": .object(headers), "body": body,
            "encoding": .string(encoding.rawValue),
        ]
    }

    /// What is called JSON and cannot be read or stored is a text, if it is UTF-8 without U+0000.
    private static func body(of response: IncomingResponse) -> (JSON, Encoding) {
        let type = response.headers["Content-Type"].flatMap { MediaType(parsing: $0) }?.name ?? ""
        if type == "application/json" || type.hasSuffix("+json"), let value = try? JSON(parsing: response.body),
            JSONSchema.any.violations(in: value).isEmpty
        {
            return (value, .json)
        }
        if let text = String(validating: response.body, as: UTF8.self), !text.utf8.contains(0) {
            return (.string(text), .text)
        }
        return (.string(Base64URL.encode(response.body)), .base64url)
    }

    private static func failure(_ response: IncomingResponse) -> TaskFailure {
        let status = response.status.rawValue
        // Bytes that are no text, and a character that the limit cuts, are replaced.
        let excerpt = String(decoding: response.body.prefix(excerptLimit).filter { $0 != 0 }, as: UTF8.self)
        let delay = response.headers["Retry-After"].flatMap { RetryAfter.duration($0, now: WallClock.seconds) }
        return TaskFailure(
            code: "http_status", message: "The service answered with status \(status)",
            details: ["status": JSON(status), "body": .string(excerpt)], retryAfter: delay.map { min($0, longestDelay) }
        )
    }

    private static func failure(_ error: HTTPClientError) -> TaskFailure {
        switch error {
        case .invalidURL, .invalidHeader:
            TaskFailure(code: "invalid_input", message: "The request is not valid")
        case .addressRefused: TaskFailure(code: "blocked_address", message: "The address of the host is not allowed")
        case .unreachable: TaskFailure(code: "unreachable", message: "The host cannot be reached")
        case .tls: TaskFailure(code: "tls_failed", message: "No secure connection to the host is possible")
        case .hostRefused:
            TaskFailure(
                code: "credential_host", message: "The service redirects to a host that the credential is not for")
        case .tooManyRedirects: TaskFailure(code: "too_many_redirects", message: "The service redirects too often")
        case .redirectRefused:
            TaskFailure(code: "redirect_refused", message: "The service redirects to a URL that is not allowed")
        case .tooLarge: TaskFailure(code: "answer_too_large", message: "The answer of the service is too large")
        case .timedOut: TaskFailure(code: "timeout", message: "The service took too long to answer")
        case .canceled: TaskFailure(code: "canceled", message: "The request was canceled")
        case .interrupted:
            TaskFailure(code: "interrupted", message: "The connection ended before the answer was complete")
        }
    }
}
