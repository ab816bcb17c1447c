import JSON

/// The part of a client's address that counts for limits: an IPv4 address, or the first 64 bits of an IPv6 address,
/// because one customer usually has all addresses with this prefix.
struct Network: Sendable {
    /// The address, or the first four groups of an IPv6 address; empty if the web server does not send it.
    let text: String

    /// The schema of an address or a network.
    static let schema = JSONSchema.string(maxLength: 64)

    /// - Parameter address: the client's address in the form in which the web server sends it.
    init(of address: String) {
        if address.hasPrefix("::ffff:"), address.utf8.contains(UInt8(ascii: ".")) {
            text = String(address.dropFirst("::ffff:".count))
            return
        }
        guard address.utf8.contains(UInt8(ascii: ":")) else {
            text = address
            return
        }
        let sides = address.split(separator: "::", maxSplits: 1, omittingEmptySubsequences: false)
            .map { $0.split(separator: ":").map { $0.lowercased() } }
        let end = sides.count > 1 ? sides[1] : []
        let gap = Array(repeating: "0", count: max(0, 8 - sides[0].count - end.count))
        text = (sides[0] + gap + end).prefix(4).joined(separator: ":")
    }

    /// Whether the address is unknown or local. A local address may be that of a proxy, which stands for all clients.
    var isShared: Bool { text.isEmpty || text.hasPrefix("127.") || text == "0:0:0:0" }

    /// The usual notation; for IPv6, CIDR notation (RFC 4291, section 2.3).
    var prefix: String { text.utf8.contains(UInt8(ascii: ":")) ? text + "::/64" : text }
}
