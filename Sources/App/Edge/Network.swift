/// Where a call comes from, as far as it counts: an IPv4 address, or the first 64 bits of an IPv6 one, since a customer
/// has all addresses after them.
struct Network: Sendable {
    /// The address, or the four groups of digits; empty where the web server does not say.
    let text: String

    /// - Parameter address: as the web server writes it.
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

    /// Whether it is this machine, and so perhaps a web server that is the only one to know who calls.
    var isEverybody: Bool { text.isEmpty || text.hasPrefix("127.") || text == "0:0:0:0" }

    /// As people write it, of IPv6 in CIDR notation (RFC 4291, section 2.3).
    var prefix: String { text.utf8.contains(UInt8(ascii: ":")) ? text + "::/64" : text }
}
