import CFastCGI
import Glibc
import HTTP

/// Streaming: the head goes through libfcgi, and what follows is written as whole records without waiting, which the
/// library cannot do.
extension Exchange {
    /// Sends the head of a stream. Returns false when the peer did not take it, or the head is not valid.
    func beginStream(_ head: Response) -> Bool {
        var head = head
        // nginx passes each event on at once instead of collecting the response.
        head.headers["X-Accel-Buffering"] = "no"
        head.body = .chunks(length: nil) { nil }
        let (bytes, isSafe) = ResponseHead.make(for: &head)
        guard isSafe else { return false }
        put(bytes)
        return unsafe FCGX_FFlush(fcgi.pointee.out) == 0 && FCGX_GetError(fcgi.pointee.out) == 0
    }

    /// Writes the bytes as STDOUT records (FastCGI specification, section 3.3); false if the peer's buffer does not
    /// take all of them.
    func stream(_ bytes: [UInt8]) -> Bool {
        var records: [UInt8] = []
        records.reserveCapacity(bytes.count + 16)
        var rest = bytes[...]
        while !rest.isEmpty {
            let content = rest.prefix(Int(UInt16.max))
            records += header(type: FCGI_STDOUT, length: content.count)
            records += content
            rest = rest.dropFirst(content.count)
        }
        return sendAtOnce(records)
    }

    /// How many bytes of memory the kernel uses for what the peer has not taken.
    var backlog: Int {
        var count: Int32 = 0
        return unsafe ioctl(fcgi.pointee.ipcFd, UInt(TIOCOUTQ), &count) == 0 ? Int(count) : 0
    }

    /// Writes the end of the stream and of the request, and ends the exchange; false if the peer did not take them.
    consuming func endStream() -> Bool {
        let end = header(type: FCGI_STDOUT, length: 0) + header(type: FCGI_END_REQUEST, length: 8)
        let isSent = sendAtOnce(end + [UInt8](repeating: 0, count: 8))
        abandon()
        return isSent
    }

    func header(type: Int32, length: Int) -> [UInt8] {
        let id = unsafe fcgi.pointee.requestId
        return [
            UInt8(FCGI_VERSION_1), UInt8(type), UInt8(truncatingIfNeeded: id >> 8), UInt8(truncatingIfNeeded: id),
            UInt8(truncatingIfNeeded: length >> 8), UInt8(truncatingIfNeeded: length), 0, 0,
        ]
    }

    private func sendAtOnce(_ bytes: [UInt8]) -> Bool {
        let flags = Int32(MSG_DONTWAIT) | Int32(MSG_NOSIGNAL)
        return unsafe send(fcgi.pointee.ipcFd, bytes, bytes.count, flags) == bytes.count
    }
}
