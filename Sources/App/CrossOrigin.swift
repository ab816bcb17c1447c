import HTTP

/// Which pages may use the interface with their user's cookies: our own, and those of the origins that the settings
/// name, which may also read the answers (CORS: Fetch Standard, section 3.3).
package struct CrossOrigin: Sendable {
    /// As browsers write them in `Origin`.
    private let origins: [String]

    /// Our own pages only.
    package static let none = CrossOrigin(origins: [])

    private init(origins: [String]) { self.origins = origins }

    /// Reads a list with commas; nil unless all of it are origins as browsers write them.
    package init?(parsing list: String) {
        let items = list.split(separator: ",", omittingEmptySubsequences: false).map { $0.split(separator: " ") }
        guard items.allSatisfy({ $0.count == 1 && Self.isOrigin($0[0]) }) else { return nil }
        origins = items.map { String($0[0]) }
    }

    /// Throws 403 for a call that a page of another origin makes: whoever takes cookies, or gives them, asks this first.
    ///
    /// Browsers name that origin, or how far away it is (Fetch Metadata, section 2.1); other callers say neither.
    func check(_ request: Request) throws {
        let headers = request.headers
        guard headers.count(of: "origin") < 2, headers.count(of: "sec-fetch-site") < 2 else {
            throw Problem.foreignPage
        }
        if let origin = headers["origin"] {
            if origins.contains(origin) { return }
            let scheme = request.isSecure ? "https" : "http"
            guard let host = headers["host"], origin == "\(scheme)://\(host)" else { throw Problem.foreignPage }
        }
        switch headers["sec-fetch-site"] {
        case nil, "same-origin", "none": return
        default: throw Problem.foreignPage
        }
    }

    /// Lets pages of the named origins read the answer, and those of no other.
    func complete(_ response: inout Response, to request: Request) {
        if origins.isEmpty { return }
        response.headers.append(name: "Vary", value: "Origin")
        guard request.headers.count(of: "origin") == 1, let origin = request.headers["origin"],
            origins.contains(origin)
        else { return }
        response.headers.append(name: "Access-Control-Allow-Origin", value: origin)
        response.headers.append(name: "Access-Control-Allow-Credentials", value: "true")
        if request.method == Method.options.rawValue, request.headers["access-control-request-method"] != nil {
            guard let methods = response.headers["Allow"] else { return }
            response.headers.append(name: "Access-Control-Allow-Methods", value: methods)
            response.headers.append(name: "Access-Control-Allow-Headers", value: Self.readHeaders)
            response.headers.append(name: "Access-Control-Max-Age", value: "600")
        } else {
            response.headers.append(name: "Access-Control-Expose-Headers", value: Self.shownHeaders)
        }
    }

    /// Of requests, beside those that any page may send.
    private static let readHeaders =
        "Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, Prefer, X-CSRF-TOKEN, X-Request-Id"
    /// Of answers, beside those that any page may read.
    private static let shownHeaders =
        "ETag, Idempotency-Replayed, Location, RateLimit, RateLimit-Policy, Retry-After, X-Request-Id"
}

extension CrossOrigin {
    /// Whether a browser would write the origin so (RFC 6454, section 6.2): a scheme, a host in lower case, and the port
    /// unless it is the scheme's own.
    private static func isOrigin(_ text: Substring) -> Bool {
        guard let scheme = ["http://", "https://"].first(where: text.hasPrefix) else { return false }
        var host = text.dropFirst(scheme.count)
        // The colons of an IPv6 address are in brackets.
        if !host.hasSuffix("]"), let colon = host.lastIndex(of: ":") {
            let digits = host[colon...].dropFirst()
            guard let port = UInt16(digits), port > 0, String(port) == digits,
                port != (scheme == "https://" ? 443 : 80)
            else { return false }
            host = host[..<colon]
        }
        if host.hasPrefix("["), host.hasSuffix("]") {
            let address = host.dropFirst().dropLast()
            return address.contains(":") && address.allSatisfy { "0123456789abcdef:.".contains($0) }
        }
        return host.split(separator: ".", omittingEmptySubsequences: false).allSatisfy { label in
            !label.isEmpty && label.allSatisfy { "abcdefghijklmnopqrstuvwxyz0123456789-_".contains($0) }
        }
    }
}

extension Problem {
    fileprivate static let foreignPage = Problem(
        .forbidden, "origin_refused", "A page of another origin may not do this")
}
