import HTTP
import System

/// The origins from which pages may call the API with their user's cookies: our own, and those in the settings, from
/// which pages may also read the answers (CORS: Fetch Standard, section 3.3).
package struct CrossOrigin: Sendable {
    /// In the form in which browsers write them in `Origin`.
    package let origins: [String]

    /// Our own pages only.
    package static let none = CrossOrigin(origins: [])

    private init(origins: [String]) { self.origins = origins }

    /// Parses a list separated by commas; nil unless every item is an origin.
    package init?(parsing list: String) {
        let items = list.split(separator: ",", omittingEmptySubsequences: false).map { $0.split(separator: " ") }
        origins = items.compactMap { $0.count == 1 ? Self.normalized($0[0]) : nil }
        guard origins.count == items.count else { return nil }
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
            if allows(origin) { return }
            let scheme = request.isSecure ? "https" : "http"
            guard let host = headers["host"], Self.isSame(origin, "\(scheme)://\(host)") else {
                throw Problem.foreignPage
            }
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
            allows(origin)
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

    /// Whether the value of `Origin` names an allowed origin.
    private func allows(_ origin: String) -> Bool {
        // Browsers write it in the one form, for which parsing is not needed.
        if origins.contains(origin) { return true }
        guard let origin = Self.normalized(origin) else { return false }
        return origins.contains(origin)
    }

    /// Request headers that these pages may send, in addition to those that any page may.
    private static let readHeaders =
        """
        Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, Prefer, traceparent, X-CSRF-TOKEN, \
        X-Request-Id
        """
    /// Response headers that these pages may read. No script may read cookies.
    package static let shownHeaders =
        ResponseHeader.allCases.filter { $0 != .setCookie }.map(\.rawValue).joined(separator: ", ")
}

extension CrossOrigin {
    /// Whether both texts are the same origin (RFC 6454, section 5).
    private static func isSame(_ a: String, _ b: String) -> Bool {
        guard let a = normalized(a) else { return false }
        return a == normalized(b)
    }

    /// The origin as browsers write it (RFC 6454, section 6.2): scheme and host in lower case, and the port unless it
    /// is the scheme's default. Nil for text that is not an origin of a web page.
    private static func normalized(_ text: some StringProtocol) -> String? {
        // Other letters than ASCII may have one of ASCII in lower case.
        guard text.utf8.allSatisfy({ $0 < 0x80 }) else { return nil }
        let text = text.lowercased()
        guard let scheme = ["http://", "https://"].first(where: text.hasPrefix) else { return nil }
        var (host, port) = (text.dropFirst(scheme.count), "")
        // The colons of an IPv6 address are in brackets.
        if !host.hasSuffix("]"), let colon = host.lastIndex(of: ":") {
            let digits = host[colon...].dropFirst()
            guard let number = UInt16(plain: digits), number > 0 else { return nil }
            if number != (scheme == "https://" ? 443 : 80) { port = ":\(digits)" }
            host = host[..<colon]
        }
        return isHost(host) ? "\(scheme)\(host)\(port)" : nil
    }

    /// Whether the text is a name or an address in lower case.
    private static func isHost(_ host: Substring) -> Bool {
        if host.hasPrefix("["), host.hasSuffix("]") {
            let address = host.dropFirst().dropLast()
            return address.contains(":") && address.allSatisfy { "0123456789abcdef:.".contains($0) }
        }
        // The dot at the end of a complete name belongs to it.
        let name = host.hasSuffix(".") ? host.dropLast() : host
        return name.split(separator: ".", omittingEmptySubsequences: false).allSatisfy { label in
            !label.isEmpty && label.allSatisfy { "abcdefghijklmnopqrstuvwxyz0123456789-_".contains($0) }
        }
    }
}

extension Problem {
    fileprivate static let foreignPage = Problem(.originRefused)
}
