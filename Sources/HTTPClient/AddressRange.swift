/// A block of addresses, or one address, with all ports or one.
///
/// Written `10.0.0.0/8`, `fd00::/8`, `10.1.2.3`, `fd00::1`, `10.1.2.3:8080` or `[fd00::1]:8080`. Never a name: access
/// is decided by the address that is about to be connected, and a name can resolve to another one later.
package struct AddressRange: Hashable, Sendable {
    /// The lowest address.
    private let first: IPAddress
    /// The number of leading bits that the addresses have in common.
    private let prefix: Int
    private let port: UInt16?

    /// Nil for any other spelling, for a block with bits of its address set beyond the prefix, which is most likely a
    /// mistake, and for IPv4 mapped into IPv6, which counts as IPv4.
    package init?(parsing text: String) {
        let halves = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        if halves.count == 2 {
            guard let first = IPAddress(parsing: halves[0]), let prefix = Self.number(halves[1], as: UInt8.self) else {
                return nil
            }
            self.init(first: first, prefix: Int(prefix), port: nil)
        } else if let address = IPAddress(parsing: text) {
            self.init(first: address, prefix: address.width, port: nil)
        } else {
            guard let colon = text.lastIndex(of: ":"),
                let port = Self.number(text[colon...].dropFirst(), as: UInt16.self), port > 0,
                let address = Self.hostAddress(text[..<colon])
            else { return nil }
            self.init(first: address, prefix: address.width, port: port)
        }
    }

    private init?(first: IPAddress, prefix: Int, port: UInt16?) {
        guard prefix <= first.width, first.masked(to: prefix) == first, first.unmapped == first else { return nil }
        self.first = first
        self.prefix = prefix
        self.port = port
    }

    /// The addresses in CIDR notation, without the port (RFC 4632, section 3.1; RFC 4291, section 2.3).
    package var notation: String { "\(first)/\(prefix)" }

    /// Whether only one port of the addresses is in the range.
    package var hasPort: Bool { port != nil }

    /// Whether that address and port are in the range; an IPv4 address mapped into IPv6 counts as IPv4.
    package func contains(_ address: IPAddress, port: UInt16) -> Bool {
        (self.port ?? port) == port && contains(address)
    }

    /// Whether that address is in the range, at some port.
    package func contains(_ address: IPAddress) -> Bool { address.unmapped.masked(to: prefix) == first }

    /// An address before a port: IPv6 is in brackets there, IPv4 is not (RFC 3986, section 3.2.2).
    private static func hostAddress(_ text: Substring) -> IPAddress? {
        let isBracketed = text.first == "[" && text.last == "]"
        guard let address = IPAddress(parsing: isBracketed ? text.dropFirst().dropLast() : text),
            isBracketed == (address.width == 128)
        else { return nil }
        return address
    }

    /// Accepts digits only; the standard library accepts a sign as well.
    private static func number<N: FixedWidthInteger>(_ text: Substring, as type: N.Type) -> N? {
        text.utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) } ? N(text) : nil
    }
}

extension IPAddress {
    fileprivate var width: Int {
        switch self {
        case .v4: 32
        case .v6: 128
        }
    }

    /// The address with the bits past the first `prefix` cleared.
    fileprivate func masked(to prefix: Int) -> IPAddress {
        switch self {
        case .v4(let bits): .v4(bits & ~(UInt32.max >> prefix))
        case .v6(let bits): .v6(bits & ~(UInt128.max >> prefix))
        }
    }
}
