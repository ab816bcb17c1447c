import Glibc

/// Why a listener or a pool could not be set up.
package enum FastCGIError: Error, Equatable {
    /// A system call failed with that `errno`.
    case system(call: String, code: Int32)
    /// The path does not fit into `sockaddr_un`, which holds 107 bytes; the temporary name beside the path counts too.
    case pathTooLong(path: String, limit: Int)
    /// A process accepts connections at that path.
    case inUse(path: String)
    /// A file that is not a socket has that path. It is not replaced.
    case notASocket(path: String)
    /// The service manager has passed a descriptor (`LISTEN_FDS`) that does not listen.
    case notListening
    /// libfcgi could not initialise itself.
    case library(code: Int32)
}

extension FastCGIError: CustomStringConvertible {
    /// A sentence for the operator, without a full stop.
    package var description: String {
        switch self {
        case .system(let call, let code): "\(call): \(unsafe String(cString: strerror(code)))"
        case .pathTooLong(let path, let limit): "the path of the socket is longer than \(limit) bytes: \(path)"
        case .inUse(let path): "another process accepts connections at \(path)"
        case .notASocket(let path): "\(path) is a file that is no socket, and is not replaced"
        case .notListening:
            "the socket that the service manager passes (LISTEN_FDS) does not listen: systemd's unit needs "
                + "ListenStream=, and no Accept=yes"
        case .library(let code): "libfcgi does not start: \(code)"
        }
    }
}
