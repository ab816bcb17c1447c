import CFastCGI
import Glibc
import System

/// Where responders listen: a unix socket, or an address and port of TCP.
package enum ListeningAddress: Hashable, Sendable {
    case unix(path: String)
    case tcp(TCPAddress)

    /// A path, which contains a slash, or an address with a port: `127.0.0.1:9000`, `[::1]:9000`. Nil for any other
    /// text; a name is none, because it may resolve to an address that others reach.
    package init?(parsing text: String) {
        if text.contains("/") {
            self = .unix(path: text)
        } else {
            guard let address = TCPAddress(parsing: text) else { return nil }
            self = .tcp(address)
        }
    }
}

/// An IP address and a port, in network byte order as the kernel takes them.
package struct TCPAddress: Hashable, Sendable {
    private enum Address: Hashable {
        case v4(UInt32)
        case v6(SIMD16<UInt8>)
    }

    private let address: Address
    private let port: UInt16

    init?(parsing text: String) {
        guard let colon = text.lastIndex(of: ":"), let port = UInt16(plain: text[text.index(after: colon)...]), port > 0
        else { return nil }
        self.port = port.bigEndian
        var host = text[..<colon]
        if host.hasPrefix("["), host.hasSuffix("]") {
            host = host.dropFirst().dropLast()
            var bytes = SIMD16<UInt8>()
            guard unsafe inet_pton(AF_INET6, String(host), &bytes) == 1 else { return nil }
            address = .v6(bytes)
        } else {
            var bytes: UInt32 = 0
            guard unsafe inet_pton(AF_INET, String(host), &bytes) == 1 else { return nil }
            address = .v4(bytes)
        }
    }

    /// Whether only this machine reaches it (RFC 1122, section 3.2.1.3; RFC 4291, section 2.5.3).
    package var isLocal: Bool {
        switch address {
        case .v4(let bytes): UInt32(bigEndian: bytes) >> 24 == 127
        case .v6(let bytes): (0..<15).allSatisfy { bytes[$0] == 0 } && bytes[15] == 1
        }
    }

    var family: Int32 {
        switch address {
        case .v4: AF_INET
        case .v6: AF_INET6
        }
    }

    func withPointer<Result>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> Result) -> Result {
        var storage = sockaddr_storage()
        let length: Int
        switch address {
        case .v4(let bytes):
            length = MemoryLayout<sockaddr_in>.size
            let value = sockaddr_in(
                sin_family: sa_family_t(AF_INET), sin_port: port, sin_addr: in_addr(s_addr: bytes),
                sin_zero: (0, 0, 0, 0, 0, 0, 0, 0))
            unsafe withUnsafeMutableBytes(of: &storage) { unsafe $0.storeBytes(of: value, as: sockaddr_in.self) }
        case .v6(let bytes):
            length = MemoryLayout<sockaddr_in6>.size
            let value = sockaddr_in6(
                sin6_family: sa_family_t(AF_INET6), sin6_port: port, sin6_flowinfo: 0,
                sin6_addr: unsafe unsafeBitCast(bytes, to: in6_addr.self), sin6_scope_id: 0)
            unsafe withUnsafeMutableBytes(of: &storage) { unsafe $0.storeBytes(of: value, as: sockaddr_in6.self) }
        }
        return unsafe withUnsafePointer(to: storage) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { unsafe body($0, socklen_t(length)) }
        }
    }
}
