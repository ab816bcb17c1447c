import CFastCGI
import Glibc

/// Large bodies are written past the library, which copies what it writes and sends it in pieces of 8 KiB.
extension Exchange {
    /// From this length on, bytes are written past the library.
    static let largeLength = 64 << 10
    /// The longest content of a record without padding (FastCGI specification, section 3.3).
    private static let contentLength = 65_528

    /// Writes the bytes as STDOUT records; false when the peer did not take them.
    func putLarge(_ bytes: [UInt8]) -> Bool {
        guard unsafe FCGX_FFlush(fcgi.pointee.out) == 0, unsafe FCGX_GetError(fcgi.pointee.out) == 0 else {
            return false
        }
        var sent = 0
        while sent < bytes.count {
            let end = min(sent + Self.contentLength, bytes.count)
            let header = header(type: FCGI_STDOUT, length: end - sent)
            guard send(header, 0..<header.count), send(bytes, sent..<end) else { return false }
            sent = end
        }
        return true
    }

    /// Waits for at most the time that a peer may leave a response unread.
    private func send(_ bytes: [UInt8], _ range: Range<Int>) -> Bool {
        unsafe bytes.withUnsafeBytes { bytes in
            var rest = range
            while !rest.isEmpty {
                let start = unsafe bytes.baseAddress.map { unsafe $0 + rest.lowerBound }
                let count = unsafe Glibc.send(fcgi.pointee.ipcFd, start, rest.count, Int32(MSG_NOSIGNAL))
                if count < 0, errno == EINTR { continue }
                guard count > 0 else { return false }
                rest = rest.dropFirst(count)
            }
            return true
        }
    }
}
