package import HTTPClient
import HTTP
import System

/// Who may read `/metrics` and `/status`: programs at certain addresses that no proxy speaks for, and those that send a
/// token.
///
/// The address alone says nothing behind a proxy on this machine, as then every client has a local one: so a request
/// that says it was forwarded needs the token.
package struct MonitoringAccess: Sendable {
    private let allowed: [AddressRange]
    private let token: [UInt8]?

    /// - Parameter token: nil: there is none.
    package init(allowing allowed: [AddressRange], token: [UInt8]?) {
        self.allowed = allowed
        self.token = token
    }

    func permits(_ request: Request) -> Bool {
        if let token, let sent = request.headers["authorization"], sent.lowercased().hasPrefix("bearer ") {
            return constantTimeEquals(Array(sent.utf8.dropFirst("bearer ".utf8.count)).span, token.span)
        }
        guard !request.headers.fields.contains(where: { Self.isOfProxy($0.name) }),
            let address = IPAddress(parsing: request.remoteAddress)
        else { return false }
        return allowed.contains { $0.contains(address) }
    }

    /// Whether only a proxy sends a header of that name (RFC 7239; RFC 9110, section 7.6.3).
    private static func isOfProxy(_ name: String) -> Bool {
        let name = name.lowercased()
        return name == "forwarded" || name == "via" || name.hasPrefix("x-forwarded-") || name == "x-real-ip"
    }
}
