/// Why a listener or a pool could not be set up.
package enum FastCGIError: Error, Equatable {
    /// A system call failed with that `errno`.
    case system(call: String, code: Int32)
    /// A path in `sockaddr_un` has room for 107 bytes; the temporary name beside the path counts too.
    case pathTooLong(path: String, limit: Int)
    /// Somebody answers on that path.
    case inUse(path: String)
    /// Something that is no socket has that path; it is not for us to replace.
    case notASocket(path: String)
    /// libfcgi could not initialise itself.
    case library(code: Int32)
}
