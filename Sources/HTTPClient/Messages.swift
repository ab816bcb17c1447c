package import HTTP

/// A request to send.
package struct OutgoingRequest: Sendable {
    package var method: Method
    /// An absolute http or https URL.
    package var url: String
    /// Sent unchanged, except that a redirect to another origin gets neither `Authorization` nor `Cookie`.
    ///
    /// Fields that frame the message or control its connection, such as `Host`, are reserved for the client and
    /// refused.
    package var headers: Headers
    /// Not sent with HEAD, where it has no meaning.
    package var body: [UInt8]
    /// A secret that is sent too, in a field that `headers` must not have.
    package var credential: RequestCredential?

    package init(_ method: Method, _ url: String, headers: Headers = [:], body: [UInt8] = []) {
        self.method = method
        self.url = url
        self.headers = headers
        self.body = body
    }
}

/// The final response, after any redirects.
package struct IncomingResponse: Sendable {
    package let status: Status
    /// Without trailers and interim responses; bytes that are not UTF-8 are replaced.
    package let headers: Headers
    /// As it was sent: content codings are not decoded, so a small response stays small.
    package let body: [UInt8]

    package init(status: Status, headers: Headers, body: [UInt8]) {
        self.status = status
        self.headers = headers
        self.body = body
    }
}

extension OutgoingRequest {
    /// Whether repeating the request is safe: libcurl sends a request again when a kept connection ends without a
    /// response.
    var isRepeatable: Bool {
        switch method {
        case .get, .head, .options, .put, .delete: true
        case .post, .patch: headers["Idempotency-Key"] != nil
        }
    }

    /// Whether a body is sent, even an empty one: methods that expect one send its length (RFC 9110, section 8.6).
    var hasBody: Bool {
        switch method {
        case .post, .put, .patch: true
        case .get, .delete, .options: !body.isEmpty
        case .head: false
        }
    }

    /// The host of the URL, in lower case, of a request that can be sent.
    ///
    /// - Throws: `invalidURL`, `invalidHeader` or `hostRefused`.
    package func checkedHost() throws(HTTPClientError) -> String {
        try checkHeaders()
        guard let url = URLReference(url) else { throw .invalidURL }
        try credential?.check(url)
        return url.origin.host
    }

    /// - Throws: `invalidHeader` for a field that is malformed (RFC 9110, sections 5.1 and 5.5) or reserved.
    func checkHeaders() throws(HTTPClientError) {
        var fields = headers.fields.map { ($0.name, $0.value) }
        if let credential {
            guard headers[credential.field] == nil, Self.mayCarrySecret(credential.field) else { throw .invalidHeader }
            fields.append((credential.field, credential.value))
        }
        for (name, value) in fields {
            guard !name.isEmpty, name.utf8.allSatisfy(Self.isTokenCharacter),
                value.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7f || $0 == 0x09 }),
                !Self.reserved.contains(name.lowercased())
            else { throw .invalidHeader }
        }
    }

    /// Whether a field of that name may carry a secret: it is well-formed, not reserved, and not one that says what the
    /// request is.
    package static func mayCarrySecret(_ name: String) -> Bool {
        let others: Set = ["content-type", "idempotency-key", "traceparent", "user-agent"]
        return !name.isEmpty && name.utf8.allSatisfy(isTokenCharacter) && !reserved.contains(name.lowercased())
            && !others.contains(name.lowercased())
    }

    private static let reserved: Set = [
        "connection", "content-length", "expect", "host", "http2-settings", "keep-alive", "proxy-authorization",
        "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade",
    ]

    private static func isTokenCharacter(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
        }
    }
}
