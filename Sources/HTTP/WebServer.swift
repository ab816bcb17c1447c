/// A web server, as it names itself in `SERVER_SOFTWARE` (RFC 3875, section 4.1.17) and in the header `Server`.
package enum WebServer: String, Sendable, CaseIterable {
    case nginx
    case apache = "Apache"
    case lighttpd
    case caddy = "Caddy"

    /// Nil for another one.
    package init?(software: String) {
        guard let server = Self.allCases.first(where: { software.lowercased().hasPrefix($0.rawValue.lowercased()) })
        else { return nil }
        self = server
    }
}
