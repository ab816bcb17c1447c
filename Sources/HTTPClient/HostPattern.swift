/// The hosts to which a secret may be sent: one host (`api.example.org`), or all with names that end with a suffix
/// (`*.example.org`), at one port: 443, unless another is given (`api.example.org:8443`).
///
/// The host is read by libcurl, like that of a URL, so both have the same form when they are compared.
package struct HostPattern: Sendable, Equatable, CustomStringConvertible {
    /// The maximum length of a pattern in bytes: the longest name of a host (RFC 1035, section 2.3.4), `*.` and a port.
    package static let maximumLength = 253 + 2 + 6

    private let host: String
    private let port: String
    private let isSuffix: Bool

    /// - Returns: nil for what is not a host, a suffix of at least two labels, or one of these with a port. Names are
    ///   ASCII: those with other letters have the form `xn--…` (RFC 5890, section 2.3.2.1).
    package init?(parsing text: String) {
        isSuffix = text.hasPrefix("*.")
        let rest = isSuffix ? text.dropFirst(2) : text[...]
        guard !rest.isEmpty, text.utf8.count <= Self.maximumLength, rest.utf8.allSatisfy(Self.isHostCharacter),
            !rest.hasSuffix(":"), let origin = URLReference("https://\(rest)/")?.origin
        else { return nil }
        host = origin.host
        port = origin.port
        // A suffix of one label would be a whole top-level domain, and one of an address has no meaning.
        let isName = host.contains(".") && host.split(separator: ".").last?.contains { $0.isLetter } == true
        guard !isSuffix || isName && !host.hasSuffix(".") else { return nil }
    }

    /// The form in which the pattern is stored and shown.
    package var description: String { (isSuffix ? "*." : "") + host + (port == "443" ? "" : ":\(port)") }

    /// Whether every host of the other pattern is one of this.
    package func covers(_ other: HostPattern) -> Bool {
        guard port == other.port else { return false }
        guard isSuffix else { return !other.isSuffix && host == other.host }
        return other.host.hasSuffix(".\(host)") || other.isSuffix && host == other.host
    }

    /// Whether the URL is an https one of such a host.
    func permits(_ origin: URLReference.Origin) -> Bool {
        origin.scheme == "https" && port == origin.port
            && (isSuffix ? origin.host.hasSuffix(".\(host)") : host == origin.host)
    }

    private static func isHostCharacter(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: "-.:[]_".utf8.contains(byte)
        }
    }
}
