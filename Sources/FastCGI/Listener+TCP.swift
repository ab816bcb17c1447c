import CFastCGI
import Glibc

extension Listener {
    /// Binds the address and listens.
    ///
    /// Who can connect can make calls for any client and can end a responder by certain records (`FCGX_Accept_r`
    /// aborts on them), so the address must be one that only web servers reach: see `FastCGISettings.allowsClient`.
    package static func bind(to address: ListeningAddress, backlog: Int32 = 4_096) throws(FastCGIError) -> Listener {
        switch address {
        case .unix(let path): return try bind(path: path, backlog: backlog)
        case .tcp(let address): return try bind(tcp: address, backlog: backlog)
        }
    }

    private static func bind(tcp address: TCPAddress, backlog: Int32) throws(FastCGIError) -> Listener {
        let type = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
        let descriptor = socket(address.family, type, 0)
        guard descriptor >= 0 else { throw .system(call: "socket", code: errno) }
        do throws(FastCGIError) {
            // Otherwise a restart would have to wait until the last connections have timed out.
            try set(SO_REUSEADDR, of: SOL_SOCKET, on: descriptor)
            if address.family == AF_INET6 { try set(IPV6_V6ONLY, of: Int32(IPPROTO_IPV6), on: descriptor) }
            guard unsafe address.withPointer({ unsafe Glibc.bind(descriptor, $0, $1) }) == 0 else {
                throw .system(call: "bind", code: errno)
            }
            guard listen(descriptor, backlog) == 0, let listener = Listener(adopting: descriptor) else {
                throw .system(call: "listen", code: errno)
            }
            return listener
        } catch {
            close(descriptor)
            throw error
        }
    }

    private static func set(_ option: Int32, of level: Int32, on descriptor: Int32) throws(FastCGIError) {
        var isOn: Int32 = 1
        guard unsafe setsockopt(descriptor, level, option, &isOn, socklen_t(MemoryLayout<Int32>.size)) == 0 else {
            throw .system(call: "setsockopt", code: errno)
        }
    }

    /// The listening socket that systemd or another manager has opened (sd_listen_fds(3)): descriptor 3 if `LISTEN_PID`
    /// is this process and `LISTEN_FDS` is at least 1; nil without one.
    ///
    /// Throws `.notListening` if the descriptor does not listen: then the manager is configured for something else.
    package static func inherited(_ environment: [String: String]) throws(FastCGIError) -> Listener? {
        guard isInherited(by: getpid(), environment) else { return nil }
        guard let listener = Listener(adopting: firstInherited) else { throw .notListening }
        return listener
    }

    /// Whether a service manager has opened the socket of that process, which then outlives it.
    package static func isInherited(by process: Int32, _ environment: [String: String]) -> Bool {
        environment["LISTEN_PID"] == String(process) && environment["LISTEN_FDS"].flatMap { Int($0) } ?? 0 >= 1
    }

    /// `SD_LISTEN_FDS_START`.
    private static let firstInherited: Int32 = 3
}

/// The address of a connection's other end as text; nil for a unix socket.
func clientAddress(of descriptor: Int32) -> String? {
    var storage = sockaddr_storage()
    var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
    let status = unsafe withUnsafeMutablePointer(to: &storage) { pointer in
        unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
            unsafe getpeername(descriptor, $0, &length)
        }
    }
    guard status == 0, [AF_INET, AF_INET6].contains(Int32(storage.ss_family)) else { return nil }
    return unsafe String(unsafeUninitializedCapacity: Int(INET6_ADDRSTRLEN)) { buffer in
        let isWritten = unsafe withUnsafePointer(to: storage) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                unsafe buffer.withMemoryRebound(to: CChar.self) { text in
                    unsafe getnameinfo(
                        address, length, text.baseAddress, socklen_t(text.count), nil, 0, NI_NUMERICHOST) == 0
                }
            }
        }
        return isWritten ? unsafe buffer.firstIndex(of: 0) ?? 0 : 0
    }
}
