import HTTP

/// The address by which a client has reached this server, as it may stand in a page and in a shell command.
struct BaseURL: Sendable, CustomStringConvertible {
    let description: String
    /// Whether it is this machine over TLS, whose certificate is the self-signed one of `make run`.
    let isSelfSigned: Bool

    /// Takes the host from the request's `Host` field, which the client controls: unless it is plainly a name or an
    /// address, the address of `make run` takes its place.
    init(of request: Request) {
        guard request.headers.count(of: "host") == 1, let host = request.headers["host"], Self.isPlain(host) else {
            (description, isSelfSigned) = ("http://127.0.0.1:8080", false)
            return
        }
        description = (request.isSecure ? "https://" : "http://") + host
        isSelfSigned = request.isSecure && ["localhost", "127.0.0.1"].contains(host.prefix { $0 != ":" })
    }

    /// Whether it is a name or an address, with or without a port (RFC 3986, section 3.2).
    private static func isPlain(_ authority: String) -> Bool {
        guard authority.utf8.count <= 255 else { return false }
        var host = authority[...]
        // The colons of an IPv6 address are in brackets.
        if !host.hasSuffix("]"), let colon = host.lastIndex(of: ":") {
            let digits = host[colon...].dropFirst()
            guard let port = UInt16(digits), port > 0, String(port) == digits else { return false }
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
