import Glibc

/// An IP address, its bits as a number.
package enum IPAddress: Hashable, Sendable, CustomStringConvertible {
    case v4(UInt32)
    case v6(UInt128)

    /// Parses the standard spellings only: four decimal numbers, or RFC 4291, section 2.2, without a zone.
    package init?(parsing text: some StringProtocol) {
        let text = String(text)
        guard !text.utf8.contains(0) else { return nil }
        var v4 = in_addr()
        var v6 = in6_addr()
        if unsafe inet_pton(AF_INET, text, &v4) == 1 {
            self = .v4(UInt32(bigEndian: v4.s_addr))
        } else if unsafe inet_pton(AF_INET6, text, &v6) == 1 {
            self = .v6(Self.bits(of: v6))
        } else {
            return nil
        }
    }

    /// The address and port of a socket address of `length` bytes; nil for a family other than IPv4 and IPv6.
    static func ofSocket(_ address: UnsafeRawPointer, length: Int) -> (address: IPAddress, port: UInt16)? {
        guard length >= MemoryLayout<sockaddr>.size else { return nil }
        switch Int32(unsafe address.loadUnaligned(as: sockaddr.self).sa_family) {
        case AF_INET where length >= MemoryLayout<sockaddr_in>.size:
            let socket = unsafe address.loadUnaligned(as: sockaddr_in.self)
            return (.v4(UInt32(bigEndian: socket.sin_addr.s_addr)), UInt16(bigEndian: socket.sin_port))
        case AF_INET6 where length >= MemoryLayout<sockaddr_in6>.size:
            let socket = unsafe address.loadUnaligned(as: sockaddr_in6.self)
            return (.v6(bits(of: socket.sin6_addr)), UInt16(bigEndian: socket.sin6_port))
        default: return nil
        }
    }

    /// Four decimal numbers, or eight hexadecimal ones.
    package var description: String {
        switch self {
        case .v4(let bits): (0..<4).map { String(bits >> (24 - 8 * $0) & 0xff) }.joined(separator: ".")
        case .v6(let bits): (0..<8).map { String(bits >> (112 - 16 * $0) & 0xffff, radix: 16) }.joined(separator: ":")
        }
    }

    private static func bits(of address: in6_addr) -> UInt128 {
        UInt128(bigEndian: unsafe unsafeBitCast(address, to: UInt128.self))
    }

    /// The IPv4 address that a mapped one stands for (RFC 4291, section 2.5.5.2): packets to it are IPv4 packets.
    var unmapped: IPAddress {
        guard case .v6(let bits) = self, bits >> 32 == 0xffff else { return self }
        return .v4(UInt32(truncatingIfNeeded: bits))
    }
}
