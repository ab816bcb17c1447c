/// Decides which addresses may be connected to: those of the public internet, and those that the settings allow.
///
/// It checks the address to which a name resolved, at the moment of connecting. So neither an unusual spelling of an
/// address nor a name that resolves differently the second time gets past it.
package struct AddressGuard: Sendable {
    private let allowed: [AddressRange]
    private let permitsAll: Bool

    package init(allowing allowed: [AddressRange]) {
        self.allowed = allowed
        permitsAll = false
    }

    init(_ settings: HTTPClientSettings) {
        allowed = settings.allowedAddresses
        permitsAll = settings.permitsAllAddresses
    }

    package func permits(_ address: IPAddress, port: UInt16) -> Bool {
        permitsAll || address.isPublic || allowed.contains { $0.contains(address, port: port) }
    }
}

extension IPAddress {
    /// Whether it is the address of one host of the public internet, as far as its form shows.
    package var isPublic: Bool {
        switch unmapped {
        case .v4: !Self.special.contains { $0.contains(self) }
        case .v6(let bits):
            if Self.translation.contains(where: { $0.contains(self) }) {
                IPAddress.v4(UInt32(truncatingIfNeeded: bits)).isPublic
            } else {
                Self.globalUnicast.contains { $0.contains(self) } && !Self.special.contains { $0.contains(self) }
            }
        }
    }

    /// The range of public IPv6 addresses (RFC 4291, section 2.4): loopback, mapped, unique local, link-local,
    /// multicast and unassigned ones are outside.
    private static let globalUnicast = ranges("2000::/3")

    /// IPv6 addresses that translators use for IPv4 hosts (RFC 6052, section 2.1): the last 32 bits are the host.
    private static let translation = ranges("64:ff9b::/96")

    /// The blocks of the IANA special-purpose address registries, as a whole: the few reachable addresses within
    /// `192.0.0.0/24` and `2001::/23` serve protocols other than HTTP.
    private static let special = ranges(
        "0.0.0.0/8",  // this network, RFC 791
        "10.0.0.0/8",  // private, RFC 1918
        "100.64.0.0/10",  // shared by carriers and clouds, RFC 6598
        "127.0.0.0/8",  // loopback, RFC 1122
        "168.63.129.16",  // not in the registries: Azure's host agent, seen only from within its machines
        "169.254.0.0/16",  // link-local, and the metadata services of clouds, RFC 3927
        "172.16.0.0/12",  // private, RFC 1918
        "192.0.0.0/24",  // protocol assignments, RFC 6890
        "192.0.2.0/24",  // documentation, RFC 5737
        "192.88.99.0/24",  // relays of 6to4, withdrawn, RFC 7526
        "192.168.0.0/16",  // private, RFC 1918
        "198.18.0.0/15",  // benchmarks, RFC 2544
        "198.51.100.0/24",  // documentation, RFC 5737
        "203.0.113.0/24",  // documentation, RFC 5737
        "224.0.0.0/4",  // multicast, RFC 5771
        "240.0.0.0/4",  // reserved, and broadcast, RFC 1112 and RFC 8190
        "2001::/23",  // protocol assignments, RFC 2928; Teredo, which leads to IPv4 hosts, RFC 4380
        "2001:db8::/32",  // documentation, RFC 3849
        "2002::/16",  // 6to4, which leads to IPv4 hosts, RFC 3056
        "3fff::/20"  // documentation, RFC 9637
    )

    private static func ranges(_ texts: String...) -> [AddressRange] {
        texts.map { text in
            guard let range = AddressRange(parsing: text) else { preconditionFailure("\(text) is no range") }
            return range
        }
    }
}
