import Glibc

/// The address of a unix socket in the file system.
struct UnixAddress {
    let path: String
    private var address = sockaddr_un()

    /// Throws if the path does not fit; the error then names `given`, the path in the settings.
    init(_ path: String, insteadOf given: String? = nil) throws(FastCGIError) {
        self.path = path
        address.sun_family = sa_family_t(AF_UNIX)
        let fits = unsafe withUnsafeMutableBytes(of: &address.sun_path) { buffer in
            guard path.utf8.count < buffer.count else { return false }
            unsafe buffer.copyBytes(from: path.utf8)
            return true
        }
        let limit = MemoryLayout.size(ofValue: address.sun_path) - 1
        guard fits else { throw .pathTooLong(path: given ?? path, limit: limit) }
    }

    func withPointer<Result>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> Result) -> Result {
        unsafe withUnsafePointer(to: address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe body($0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
    }
}
