import HTTP
import HTTPClient
import JSON

/// What a call of the doctor led to.
struct SiteAnswer: Sendable {
    /// A response, or why there is none.
    enum Result: Sendable {
        case response(status: Int, headers: Headers, body: [UInt8])
        case failure(HTTPClientError, reason: String)
    }

    let result: Result
    /// From the call to the end of the response.
    var duration = Duration.zero
    var transfer = TransferDetails()

    init(_ result: Result, duration: Duration = .zero, transfer: TransferDetails = TransferDetails()) {
        self.result = result
        self.duration = duration
        self.transfer = transfer
    }

    /// The answer to a body that the web server may refuse before its end: the first of at most five in which the
    /// connection does not break. lighttpd 1.4 closes a TLS connection at once after such an answer, and a client that
    /// is still sending misses about every ninth.
    static func answer(_ send: () -> SiteAnswer) -> SiteAnswer {
        for _ in 1..<5 {
            let answer = send()
            guard case .failure(.interrupted, _) = answer.result else { return answer }
        }
        return send()
    }

    /// A response with that JSON.
    init(_ status: Int, _ json: JSON = .null, headers: Headers = [:]) {
        self.init(.response(status: status, headers: headers, body: json == .null ? [] : json.serialized()))
    }

    /// Nil without a response.
    var status: Int? { if case .response(let status, _, _) = result { status } else { nil } }
    var headers: Headers { if case .response(_, let headers, _) = result { headers } else { [:] } }
    var json: JSON {
        guard case .response(_, _, let body) = result else { return .null }
        return (try? JSON(parsing: body)) ?? .null
    }

    /// The `code` of an error of the program, or of a web server that has the program's texts.
    var code: String? { json["code"]?.stringValue }

    /// The status, or why there is none.
    var summary: String {
        switch result {
        case .response(let status, _, _): "status \(status)" + (code.map { " (\($0))" } ?? "")
        case .failure(.timedOut, _): "no answer in time"
        case .failure(.tooLarge, _): "a response that is too long"
        case .failure(_, let reason) where !reason.isEmpty: reason
        case .failure(let error, _): "\(error)"
        }
    }

    /// What the program says of the call; nil if it did not answer it.
    var arrival: Arrival? { status == 200 ? Arrival(json) : nil }
}

/// A report of the program: what of a call has arrived.
struct Arrival: Sendable {
    let json: JSON

    /// Nil unless it is one.
    init?(_ json: JSON) {
        guard json["method"]?.stringValue != nil, json["interface"]?.stringValue != nil else { return nil }
        self.json = json
    }

    var target: String { json["target"]?.stringValue ?? "" }
    /// The code of the header Authorization; nil if none arrived.
    var authorization: String? { json["authorization"]?.stringValue }
    var bodyLength: Int64 { json["body_length"]?.integerValue ?? 0 }
    var bodyDigest: String { json["body_digest"]?.stringValue ?? "" }
    var bodyTime: Duration { .milliseconds(json["body_milliseconds"]?.integerValue ?? 0) }
    var isSecure: Bool { json["https"]?.boolValue ?? false }
    var client: String { json["client"]?.stringValue ?? "" }
    var hasPassedGate: Bool { json["gate"]?.boolValue ?? false }
    var webServer: WebServer? { json["web_server"]?.stringValue.flatMap { WebServer(rawValue: $0) } }
    var isCGI: Bool { json["interface"] == "cgi" }
    var isSupervised: Bool { json["supervised"]?.boolValue ?? false }
    /// Whether its responses may be streams; nil: an older version does not say it.
    var hasStreams: Bool? { json["streams"]?.boolValue }
    var sharesMemory: Bool { json["memory_shared"]?.boolValue ?? false }
    /// In seconds since 1970.
    var time: Int64 { json["time"]?.integerValue ?? 0 }
    var hasDatabase: Bool { json["database"]?["up"]?.boolValue ?? false }
    var isMigrated: Bool { json["database"]?["is_migrated"]?.boolValue ?? false }
    var databaseTime: Int64? { json["database"]?["time"]?.integerValue }
}
