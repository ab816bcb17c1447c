import Flows
import HTTP
import HTTPClient
import JSON

/// Sends a request to a web service, at any address that `AddressGuard` permits.
struct HTTPRequest: ExternalTask {
    let type = "http.request"
    let summary = "Sends an HTTP request and returns the answer, if its status is expected"
    let input = JSONSchema.object(
        required: [
            "url": JSONSchema.string(minLength: 1, maxLength: 8_192).described(
                "An http or https URL without a user, of a host on the public internet")
        ],
        optional: [
            "method": JSONSchema.string(enum: Self.methods).described("Default: GET"),
            "query": JSONSchema.object(additional: .string(maxLength: 8_192)).described(
                "Parameters that are added to the URL, encoded"),
            "headers": JSONSchema.object(additional: .string(maxLength: 8_192)).described(
                "Header fields, at most 50. Not those that frame the message, such as Host"),
            "body": JSONSchema.any.described("What to send as JSON"),
            "text": JSONSchema.string(maxLength: Self.bodyLimit).described(
                "What to send as text instead. Default of its Content-Type: text/plain; charset=utf-8"),
            "expect": JSONSchema.array(of: .integer(100...599), count: 1...20).described(
                "The statuses that are a success. Default: 200 to 299"),
            "timeout": JSONSchema.number(0.1...300).described("Seconds until the whole answer. Default: 30"),
            "max_size": JSONSchema.integer(1...4_194_304).described(
                "Maximum size of the answer's body in bytes. Default: 1048576"),
        ])
    let output = JSONSchema.object(required: [
        "status": .integer(100...599),
        "headers": JSONSchema.object(additional: .string(maxLength: 32 << 10)).described("By names in lower case"),
        "body": JSONSchema.any.described("The value of a JSON answer; else its text"),
        "encoding": JSONSchema.string(enum: ServiceAnswer.Encoding.allCases.map(\.rawValue)).described(
            "What `body` is: the value of JSON, a text, or what is no text, in base64url"),
    ])

    private static let methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]
    private static let bodyLimit = 1 << 20
    private static let headerCount = 50
    private static let defaultTimeout = 30.0
    private static let defaultSize = 1 << 20

    let takesCredential = true
    private let driver: HTTPDriver?
    private let credentials: CredentialStore

    /// - Parameter driver: nil: this process sends no requests.
    init(_ driver: HTTPDriver?, _ credentials: CredentialStore) {
        self.driver = driver
        self.credentials = credentials
    }

    func mistakes(in input: JSON) -> Violations {
        if input["body"] != nil, input["text"] != nil {
            return [Violation(at: ["text"], "and 'body' exclude each other")]
        }
        guard input["method"] == "HEAD", let name = ["body", "text"].first(where: { input[$0] != nil }) else {
            return []
        }
        return [Violation(at: [.name(name)], "is not possible with the method HEAD")]
    }

    func prepare(_ input: JSON, in context: TaskContext) throws -> ExternalCall {
        guard let driver else { throw TaskFailure(code: "cannot_call", message: "Requests are not possible here") }
        var request = try request(input, key: context.idempotencyKey, trace: context.trace)
        try context.refuseGuests("Guests cannot send requests. Create an account first")
        let credential = try context.credential.map {
            try credentials.find($0, of: context.userID, on: context.connection)
        }
        // Its value follows when the call begins.
        request.credential = credential?.opened(with: "").request
        let host = try HTTPRequest.host(of: request)
        let seconds = input["timeout"]?.doubleValue ?? Self.defaultTimeout
        let timeout = min(.seconds(seconds), context.deadline.map { $0 - .now } ?? .seconds(seconds))
        let size = input["max_size"]?.integerValue.map { Int($0) } ?? Self.defaultSize
        let expected = input["expect"]?.arrayValue?.compactMap(\.integerValue)
        return ExternalCall(to: host) { [request, credentials] ended in
            let call = HTTPCall(by: driver, timeout: timeout, bodyLimit: size, expecting: expected, ended)
            if let credential {
                credentials.open(credential, while: { call.isWanted }) { call.send(request, with: $0) }
            } else {
                call.send(request)
            }
            return { call.cancel() }
        }
    }

    /// The host, of a request that can be sent.
    private static func host(of request: OutgoingRequest) throws -> String {
        do {
            return try request.checkedHost()
        } catch .hostRefused {
            throw TaskFailure(
                code: "credential_host",
                message: "The credential is not for this URL: it is sent over https only, to the hosts that it names")
        } catch .invalidHeader where request.credential.map({ request.headers[$0.field] != nil }) == true {
            throw TaskFailure(
                code: "invalid_input", message: "/headers: must not have the field that the credential sets")
        } catch .invalidHeader {
            throw TaskFailure(
                code: "invalid_input", message: "/headers: a name or value is not valid, or reserved for the program")
        } catch {
            throw TaskFailure(
                code: "invalid_input", message: "/url: must be an http or https URL with a host and without a user")
        }
    }

    /// The request that the input describes.
    func request(_ input: JSON, key: String, trace: String?) throws -> OutgoingRequest {
        let method = input["method"]?.stringValue.flatMap(Method.init) ?? .get
        var request = OutgoingRequest(method, HTTPRequest.url(input))
        let headers = input["headers"]?.objectValue?.members ?? []
        guard headers.count <= Self.headerCount else {
            throw TaskFailure(code: "invalid_input", message: "/headers: must have at most 50 members")
        }
        for header in headers { request.headers[header.name] = header.value.stringValue ?? "" }
        try setBody(of: &request, input)
        if request.headers["User-Agent"] == nil { request.headers["User-Agent"] = "flow-manager" }
        if request.headers["Idempotency-Key"] == nil { request.headers["Idempotency-Key"] = key }
        if let trace { request.headers["traceparent"] = trace }
        return request
    }

    private func setBody(of request: inout OutgoingRequest, _ input: JSON) throws {
        let defaultType: String
        switch (input["body"], input["text"]?.stringValue) {
        case (nil, nil): return
        case (let value?, nil):
            request.body = value.serialized()
            defaultType = "application/json"
        case (nil, let text?):
            request.body = Array(text.utf8)
            defaultType = "text/plain; charset=utf-8"
        case (_?, _?): throw TaskFailure(code: "invalid_input", message: "body and text exclude each other")
        }
        guard request.method != .head else {
            throw TaskFailure(code: "invalid_input", message: "HEAD has no body")
        }
        guard request.body.count <= Self.bodyLimit else {
            throw TaskFailure(code: "invalid_input", message: "The body of the request is longer than a mebibyte")
        }
        if request.headers["Content-Type"] == nil { request.headers["Content-Type"] = defaultType }
    }

    /// The URL with the parameters, which precede a fragment.
    private static func url(_ input: JSON) -> String {
        let url = input["url"]?.stringValue ?? ""
        let parameters = (input["query"]?.objectValue?.members ?? []).map {
            "\(PercentEncoding.encode($0.name))=\(PercentEncoding.encode($0.value.stringValue ?? ""))"
        }
        guard !parameters.isEmpty else { return url }
        let end = url.firstIndex(of: "#") ?? url.endIndex
        return url[..<end] + (url[..<end].contains("?") ? "&" : "?") + parameters.joined(separator: "&") + url[end...]
    }
}
