import HTTP
import System

/// The address at which a client has reached this server, safe to insert into a page and a shell command.
struct BaseURL: Sendable, CustomStringConvertible {
    let description: String
    /// Whether the address is this machine over TLS, which uses the self-signed certificate of `make run`.
    let isSelfSigned: Bool

    /// Takes the host from the request's `Host` field. The client controls it: if it is not a plain name or address,
    /// the address of `make run` is used.
    init(of request: Request, _ base: BasePath) {
        guard request.headers.count(of: "host") == 1, let host = request.headers["host"], Self.isPlain(host) else {
            (description, isSelfSigned) = ("http://127.0.0.1:8080\(base)", false)
            return
        }
        description = (request.isSecure ? "https://" : "http://") + host + base.description
        isSelfSigned = request.isSecure && ["localhost", "127.0.0.1"].contains(host.prefix { $0 != ":" })
    }

    /// Whether the text is a name or an address, with or without a port (RFC 3986, section 3.2).
    private static func isPlain(_ authority: String) -> Bool {
        guard authority.utf8.count <= 255 else { return false }
        var host = authority[...]
        // The colons of an IPv6 address are in brackets.
        if !host.hasSuffix("]"), let colon = host.lastIndex(of: ":") {
            let digits = host[colon...].dropFirst()
            guard let port = UInt16(plain: digits), port > 0 else { return false }
            host = host[..<colon]
        }
        if host.hasPrefix("["), host.hasSuffix("]") {
            let address = host.dropFirst().dropLast()
            return address.contains(":") && address.allSatisfy { "0123456789abcdefABCDEF:".contains($0) }
        }
        return host.split(separator: ".", omittingEmptySubsequences: false).allSatisfy { label in
            !label.isEmpty && !label.hasPrefix("-") && label.allSatisfy(nameCharacters.contains)
        }
    }

    private static let nameCharacters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"
}
