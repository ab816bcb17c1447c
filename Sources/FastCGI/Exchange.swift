import CFastCGI
import HTTP

/// One request and its response on one connection, read and written by libfcgi.
///
/// It ends exactly once, by `answer` or `abandon`; the descriptor remains the caller's. By then everything that libfcgi
/// lent is copied: its params and streams are freed with the exchange.
@safe
struct Exchange: ~Copyable, @unchecked Sendable {
    // Unchecked: the exchange has one owner, and only the owner uses the struct.
    private let wire: UnsafeMutablePointer<FCGX_Request>
    /// Whether STDIN was read to its end without an error, so that the next byte of the connection begins a new
    /// request.
    private var isDrained = false

    /// The number of bytes beyond the longest accepted body that are still read, so that an oversized request gets its
    /// 413 on a connection that remains usable.
    private static let drainAllowance = 64 << 10

    /// Reads the params; nil when they cannot be read: then libfcgi has closed the descriptor.
    ///
    /// `FCGX_InitRequest` made the struct behind `wire` without a listening socket. So the library cannot block in its
    /// own accept, which it calls after an error.
    init?(on descriptor: Int32, through wire: UnsafeMutablePointer<FCGX_Request>) {
        unsafe wire.pointee.ipcFd = descriptor
        // Otherwise FCGX_Accept_r begins by closing the connection, as what is left of an earlier request.
        unsafe wire.pointee.keepConnection = 1
        guard unsafe FCGX_Accept_r(wire) == 0 else { return nil }
        // If the connection ends within the params, the library accepts them as complete, without what is missing.
        guard unsafe FCGX_GetError(wire.pointee.in) == 0 else {
            unsafe FCGX_Free(wire, 1)
            return nil
        }
        unsafe self.wire = unsafe wire
    }

    /// Whether the peer wants to keep the connection and its request was read completely.
    var isReusable: Bool { unsafe isDrained && wire.pointee.keepConnection != 0 }

    /// Reads the whole request; nil when it lacks the web server's secret.
    mutating func read(settings: FastCGISettings) -> Result<Request, Rejection>? {
        let params = unsafe Params(wire.pointee.envp, gate: settings.gate)
        guard settings.gate == nil || params.hasPassedGate else { return nil }
        let (body, problem) = readBody(announced: params.contentLength, limit: settings.bodyLimit)
        if let reason = params.isMalformed ? .malformed : problem {
            return .failure(Rejection(reason: reason, request: params.request(body: [])))
        }
        return .success(params.request(body: body))
    }

    /// Writes the response and ends the exchange. `isSent`: the peer took the response. `isSafe`: its head was valid;
    /// if not, a bare 500 was sent instead.
    consuming func answer(_ response: Response, withBody: Bool) -> (isSent: Bool, isSafe: Bool) {
        var response = response
        let (head, isSafe) = ResponseHead.make(for: &response)
        put(head)
        if withBody { put(response.body) }
        // Closing the streams writes what they hold and the end of the request. After an error it would only wait again
        // for a peer that does not read.
        let isSent =
            unsafe FCGX_GetError(wire.pointee.out) == 0
            && FCGX_FClose(wire.pointee.err) == 0 && FCGX_FClose(wire.pointee.out) == 0
        abandon()
        return (isSent, isSafe)
    }

    /// Ends the exchange without a response.
    consuming func abandon() {
        // FCGX_Finish_r would write and close by its own rules; this only frees.
        unsafe FCGX_Free(wire, 0)
        unsafe wire.pointee.ipcFd = -1
    }

    /// After an error the stream ignores further writes and keeps the error. The library counts bytes in 32 bits.
    private func put(_ bytes: [UInt8]) {
        unsafe bytes.withUnsafeBytes { bytes in
            var rest = unsafe bytes[...]
            while unsafe !rest.isEmpty {
                let piece = unsafe UnsafeRawBufferPointer(rebasing: rest.prefix(1 << 30))
                guard let start = piece.baseAddress else { return }
                _ = unsafe FCGX_PutStr(
                    start.assumingMemoryBound(to: CChar.self), Int32(piece.count), wire.pointee.out)
                unsafe rest = rest.dropFirst(piece.count)
            }
        }
    }

    /// Reads STDIN to its end, even if the request is refused: unread bytes, which the client chose, would be taken for
    /// the records of the next request.
    ///
    /// The end of STDIN alone proves nothing: libfcgi reports a lost peer and an abort in the same way.
    private mutating func readBody(announced: Int?, limit: Int) -> (body: [UInt8], problem: Rejection.Reason?) {
        var body: [UInt8] = []
        if announced == nil, isAtEnd { return ([], isDrained ? nil : .bodyIncomplete) }
        if announced ?? limit <= limit { body = take(announced ?? limit) }
        let surplus = drain(limit + Self.drainAllowance - body.count)

        let isTooLarge = if let announced { announced > limit } else { body.count + surplus > limit }
        if isTooLarge { return ([], .bodyTooLarge) }
        if !isDrained || body.count + surplus != announced ?? body.count { return ([], .bodyIncomplete) }
        return (body, nil)
    }

    private var isAtEnd: Bool {
        mutating get {
            let byte = unsafe FCGX_GetChar(wire.pointee.in)
            if byte >= 0 { unsafe FCGX_UnGetChar(byte, wire.pointee.in) }
            isDrained = unsafe byte < 0 && FCGX_GetError(wire.pointee.in) == 0
            return byte < 0
        }
    }

    private func take(_ count: Int) -> [UInt8] {
        guard count > 0 else { return [] }
        return unsafe [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
            unsafe buffer.withMemoryRebound(to: CChar.self) {
                initialized = unsafe Int(FCGX_GetStr($0.baseAddress, Int32(count), wire.pointee.in))
            }
        }
    }

    /// Reads and discards at most that many bytes, and records whether the end was reached. Returns how many it read.
    private mutating func drain(_ most: Int) -> Int {
        var total = 0
        var hasEnded = false
        unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: 1_024) { room in
            while !hasEnded, total < most {
                let wanted = min(room.count, most - total)
                let count = unsafe Int(FCGX_GetStr(room.baseAddress, Int32(wanted), wire.pointee.in))
                total += count
                hasEnded = count < wanted
            }
        }
        isDrained = unsafe hasEnded && FCGX_GetError(wire.pointee.in) == 0
        return total
    }
}
