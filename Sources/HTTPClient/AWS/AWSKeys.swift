import Crypto
import HTTP
import System

/// The keys with which requests to AWS are signed.
package struct AWSKeys: Sendable, Equatable {
    package let id: String
    package let secret: String
    /// Of keys that were issued for a time.
    package let sessionToken: String?
    /// When they expire, in seconds since 1970; nil: never.
    package let expires: Int64?

    package init(id: String, secret: String, sessionToken: String? = nil, expires: Int64? = nil) {
        self.id = id
        self.secret = secret
        self.sessionToken = sessionToken
        self.expires = expires
    }

    /// - Parameter now: in seconds since 1970.
    func areValid(at now: Int64) -> Bool { expires.map { $0 > now } ?? true }
}

extension OutgoingRequest {
    /// The request with a signature (AWS Signature Version 4), for the services with requests that have the path `/`
    /// and no query. All of its header fields are signed.
    ///
    /// libcurl 7.88 has a function for this, but also signs fields that it does not send.
    ///
    /// - Parameter now: in seconds since 1970; AWS refuses a signature that is more than five minutes old.
    package func signed(
        with keys: AWSKeys, for service: String, in region: String, at now: Int64
    ) throws(HTTPClientError) -> OutgoingRequest {
        guard let origin = URLReference(url)?.origin else { throw .invalidURL }
        let isDefaultPort = origin.port == (origin.scheme == "https" ? "443" : "80")
        let time = Self.timestamp(now)
        var request = self
        request.headers["X-Amz-Date"] = time
        request.headers["X-Amz-Security-Token"] = keys.sessionToken
        let host = isDefaultPort ? origin.host : "\(origin.host):\(origin.port)"
        let fields = (request.headers.fields.map { ($0.name.lowercased(), Self.trimmed($0.value)) } + [("host", host)])
            .sorted { $0.0 < $1.0 }
        let names = fields.map(\.0).joined(separator: ";")
        let canonical =
            "\(method.rawValue)\n/\n\n" + fields.map { "\($0.0):\($0.1)\n" }.joined() + "\n\(names)\n"
            + Hexadecimal.encode(Digest.sha256(body))
        let scope = "\(time.prefix(8))/\(region)/\(service)/aws4_request"
        let text = "AWS4-HMAC-SHA256\n\(time)\n\(scope)\n\(Hexadecimal.encode(Digest.sha256(canonical.utf8)))"
        let key = scope.split(separator: "/").reduce(Array("AWS4\(keys.secret)".utf8)) { key, part in
            HMACSHA256(key: key).code(for: part.utf8)
        }
        let signature = Hexadecimal.encode(HMACSHA256(key: key).code(for: text.utf8))
        request.headers["Authorization"] =
            "AWS4-HMAC-SHA256 Credential=\(keys.id)/\(scope), SignedHeaders=\(names), Signature=\(signature)"
        return request
    }

    /// `20261130T082754Z`
    private static func timestamp(_ seconds: Int64) -> String {
        RFC3339.text(milliseconds: seconds * 1_000).prefix(19).filter { $0 != "-" && $0 != ":" } + "Z"
    }

    /// Without spaces at the ends, and with one for each sequence of them within.
    private static func trimmed(_ value: String) -> String {
        value.split(separator: " ").joined(separator: " ")
    }
}
