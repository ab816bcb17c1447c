import HTTPClient
import System

/// The address of a site: scheme, host, port and the path below which the program answers.
struct SiteURL: Equatable, Sendable {
    let scheme: String
    /// Host and port, as in the URL.
    let authority: String
    /// Empty for the root, else without a slash at its end: `/flow`.
    let basePath: String

    /// Nil unless it is an http or https URL without user information, query and fragment.
    init?(_ text: String) {
        guard URLReference.isValid(text), !text.contains(where: { "?#@ ".contains($0) }),
            let mark = text.firstRange(of: "://")
        else { return nil }
        let rest = text[mark.upperBound...]
        scheme = text[..<mark.lowerBound].lowercased()
        guard ["http", "https"].contains(scheme) else { return nil }
        let end = rest.firstIndex(of: "/") ?? rest.endIndex
        authority = String(rest[..<end])
        var path = rest[end...]
        while path.hasSuffix("/") { path = path.dropLast() }
        basePath = String(path)
    }

    var text: String { "\(scheme)://\(authority)\(basePath)" }

    /// The site's root, if the program answers below a path of it.
    var root: String? { basePath.isEmpty ? nil : "\(scheme)://\(authority)" }

    var isSecure: Bool { scheme == "https" }

    /// The host without the port; an IPv6 address is in brackets.
    var host: String {
        guard !authority.hasSuffix("]"), let colon = authority.lastIndex(of: ":") else { return authority }
        return String(authority[..<colon])
    }

    /// Whether only this machine reaches it (RFC 6761, section 6.3; RFC 1122, section 3.2.1.3).
    var isLocal: Bool {
        let name = host.lowercased()
        guard let address = IPAddress(parsing: name.filter { !"[]".contains($0) }) else {
            return name == "localhost" || name.hasSuffix(".localhost")
        }
        return Self.localAddresses.contains { $0.contains(address) }
    }

    private static let localAddresses = ["127.0.0.0/8", "::1"].compactMap { AddressRange(parsing: $0) }

    /// Nil: the scheme's own.
    var port: UInt16? { UInt16(plain: authority.dropFirst(host.count + 1)) }

    /// Where the same site may answer without TLS; nil for a site without TLS, and for one on another port if that of
    /// plain HTTP is not known.
    func plain(at plainPort: UInt16?) -> String? {
        guard isSecure else { return nil }
        if let plainPort { return "http://\(host):\(plainPort)\(basePath)" }
        return port == nil || port == 443 ? "http://\(host)\(basePath)" : nil
    }
}
