import CFastCGI
import HTTP

/// Reading STDIN. Its end does not prove that the body is complete, since libfcgi reports a lost peer and an abort in
/// the same way.
extension Exchange {
    /// The number of bytes beyond the maximum body length that are still read, so that an oversized request gets its
    /// 413 on a connection that remains usable.
    private static let drainAllowance = 64 << 10

    /// Reads the body as its policy says.
    ///
    /// - Parameter folder: where the temporary file of a body is created.
    mutating func readBody(_ policy: BodyPolicy, folder: String) throws(Rejection) -> RequestBody {
        let limit = policy.limit
        if announced == nil, isAtEnd {
            guard isDrained else { throw .bodyIncomplete }
            return .empty
        }
        if let announced, announced > limit { throw .bodyTooLarge(limit: limit) }
        let body = try take(announced ?? limit, by: policy, folder: folder)
        let length = received
        discard(atMost: Self.drainAllowance)
        if announced == nil, received > limit { throw .bodyTooLarge(limit: limit) }
        guard isDrained, received == announced ?? length else { throw .bodyIncomplete }
        return body
    }

    /// Reads what is left of STDIN: unread bytes, which the client chose, would be taken for the records of the next
    /// request. Of a body that is longer than `limit`, at most a few bytes more than that are read.
    mutating func drain(limit: Int) {
        if !isDrained { discard(atMost: limit + Self.drainAllowance - received) }
    }

    private mutating func take(_ count: Int, by policy: BodyPolicy, folder: String) throws(Rejection) -> RequestBody {
        switch policy {
        case .none:
            discard(atMost: count)
            return .empty
        case .memory: return .bytes(take(count))
        case .file:
            guard var file = BodyFile(in: folder) else { throw .bodyNotStored }
            unsafe readPieces(atMost: count) { unsafe file.append($0) }
            guard file.isWhole, let opened = file.opened() else { throw .bodyNotStored }
            return .file(opened)
        }
    }

    /// Whether nothing is left of STDIN. Records in `isDrained` whether that is certain.
    var isAtEnd: Bool {
        mutating get {
            let byte = unsafe FCGX_GetChar(fcgi.pointee.in)
            if byte >= 0 { unsafe FCGX_UnGetChar(byte, fcgi.pointee.in) }
            isDrained = unsafe byte < 0 && FCGX_GetError(fcgi.pointee.in) == 0
            return byte < 0
        }
    }

    private mutating func take(_ count: Int) -> [UInt8] {
        guard count > 0 else { return [] }
        let bytes = unsafe [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
            unsafe buffer.withMemoryRebound(to: CChar.self) {
                initialized = unsafe Int(FCGX_GetStr($0.baseAddress, Int32(count), fcgi.pointee.in))
            }
        }
        received += bytes.count
        return bytes
    }

    /// Reads and discards at most that many bytes.
    private mutating func discard(atMost count: Int) {
        unsafe readPieces(atMost: count) { _ in }
    }

    /// Reads at most that many bytes in pieces, and records whether the end was reached.
    private mutating func readPieces(atMost count: Int, _ use: (UnsafeRawBufferPointer) -> Void) {
        var total = 0
        var hasEnded = false
        unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: 8_192) { buffer in
            while !hasEnded, total < count {
                let wanted = min(buffer.count, count - total)
                let piece = unsafe Int(FCGX_GetStr(buffer.baseAddress, Int32(wanted), fcgi.pointee.in))
                unsafe use(UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(buffer)[..<piece]))
                total += piece
                hasEnded = piece < wanted
            }
        }
        received += total
        isDrained = unsafe hasEnded && FCGX_GetError(fcgi.pointee.in) == 0
    }
}
