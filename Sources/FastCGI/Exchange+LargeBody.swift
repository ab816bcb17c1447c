import CFastCGI
import Glibc

/// Large bodies are written past the library, which copies what it writes and sends it in pieces of 8 KiB.
extension Exchange {
    /// The longest content of a record without padding, in bytes (FastCGI specification, section 3.3). From this length
    /// on, bytes are written past the library.
    static let longestContent = 65_528

    /// Writes the bytes as STDOUT records; false when the peer did not take them.
    func putLarge(_ bytes: [UInt8]) -> Bool {
        guard unsafe FCGX_FFlush(fcgi.pointee.out) == 0, unsafe FCGX_GetError(fcgi.pointee.out) == 0 else {
            return false
        }
        return unsafe bytes.withUnsafeBytes { bytes in
            var rest = unsafe bytes[...]
            while unsafe !rest.isEmpty {
                let content = unsafe UnsafeRawBufferPointer(rebasing: rest.prefix(Self.longestContent))
                guard unsafe send(header(type: FCGI_STDOUT, length: content.count), content) else { return false }
                unsafe rest = rest.dropFirst(content.count)
            }
            return true
        }
    }

    /// Sends a whole record at once. Waits for at most the time that a peer may leave a response unread.
    private func send(_ header: [UInt8], _ content: UnsafeRawBufferPointer) -> Bool {
        unsafe header.withUnsafeBytes { header in
            var sent = 0
            while sent < header.count + content.count {
                var parts = unsafe [Self.part(header, from: sent), Self.part(content, from: sent - header.count)]
                let count = unsafe parts.withUnsafeMutableBufferPointer { parts in
                    var message = unsafe msghdr()
                    unsafe message.msg_iov = parts.baseAddress
                    unsafe message.msg_iovlen = parts.count
                    return unsafe sendmsg(fcgi.pointee.ipcFd, &message, Int32(MSG_NOSIGNAL))
                }
                if count < 0, errno == EINTR { continue }
                guard count > 0 else { return false }
                sent += count
            }
            return true
        }
    }

    private static func part(_ bytes: UnsafeRawBufferPointer, from start: Int) -> iovec {
        let rest = unsafe UnsafeRawBufferPointer(rebasing: bytes.dropFirst(max(0, start)))
        return unsafe iovec(iov_base: UnsafeMutableRawPointer(mutating: rest.baseAddress), iov_len: rest.count)
    }
}
