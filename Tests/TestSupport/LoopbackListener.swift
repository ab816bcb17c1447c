import Glibc

/// A listening socket on a free port of 127.0.0.1. Connections to it complete even if they are not accepted.
package final class LoopbackListener: Sendable {
    struct Failure: Error { let number: Int32 }

    package let port: UInt16
    private let descriptor: Int32

    package init() throws {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let status = unsafe withUnsafeMutablePointer(to: &address) { address in
            unsafe address.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                unsafe bind(descriptor, address, length) | listen(descriptor, 64)
                    | getsockname(descriptor, address, &length)
            }
        }
        guard status == 0 else { throw Failure(number: errno) }
        self.descriptor = descriptor
        port = UInt16(bigEndian: address.sin_port)
    }

    deinit { close(descriptor) }

    /// Waits for a connection, which the caller must close; nil once the listener is shut down.
    func accept() -> Int32? {
        let connection = Glibc.accept(descriptor, nil, nil)
        return connection >= 0 ? connection : nil
    }

    func shutDown() { _ = shutdown(descriptor, Int32(SHUT_RDWR)) }

    /// Whether a client has connected.
    package var hasVisitor: Bool {
        var state = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        return unsafe poll(&state, 1, 0) != 0
    }
}
