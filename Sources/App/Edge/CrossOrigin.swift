import HTTP

/// The origins whose pages may call the API with their user's cookies: our own, and those in the settings, whose pages
/// may also read the answers (CORS: Fetch Standard, section 3.3).
package struct CrossOrigin: Sendable {
    /// In the form in which browsers write them in `Origin`.
    private let origins: [String]

    /// Our own pages only.
    package static let none = CrossOrigin(origins: [])

    private init(origins: [String]) { self.origins = origins }

    /// Parses a list separated by commas; nil unless every item is an origin as browsers write it.
    package init?(parsing list: String) {
        let items = list.split(separator: ",", omittingEmptySubsequences: false).map { $0.split(separator: " ") }
        guard items.allSatisfy({ $0.count == 1 && Self.isOrigin($0[0]) }) else { return nil }
        origins = items.map { String($0[0]) }
    }

    /// Throws 403 for a call that a page of another origin makes.
    ///
    /// Browsers send that origin, or its relation to ours (Fetch Metadata, section 2.1); other clients send neither.
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

    /// Lets pages of the allowed origins read the answer, and no other pages.
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

    /// Request headers that these pages may send, in addition to those that any page may.
    private static let readHeaders =
        "Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, Prefer, X-CSRF-TOKEN, X-Request-Id"
    /// Response headers that these pages may read. No script may read cookies.
    private static let shownHeaders =
        ResponseHeader.allCases.filter { $0 != .setCookie }.map(\.rawValue).joined(separator: ", ")
}

extension CrossOrigin {
    /// Whether a browser would write the origin like this (RFC 6454, section 6.2): a scheme, a host in lower case, and
    /// the port unless it is the scheme's default.
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
    fileprivate static let foreignPage = Problem(.originRefused)
}
