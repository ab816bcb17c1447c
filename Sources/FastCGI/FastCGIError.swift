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
    /// libfcgi could not initialise itself.
    case library(code: Int32)
}
