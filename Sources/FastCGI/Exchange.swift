import CFastCGI
import HTTP

/// One request and its answer on one connection, read and written by libfcgi.
///
/// Ended exactly once, by `answer` or `abandon`; the descriptor stays the caller's. Everything that libfcgi lent is copied
/// by then: its params and streams die with the exchange.
@safe
struct Exchange: ~Copyable, @unchecked Sendable {
    // Unchecked: it has one owner, and nothing else uses the struct meanwhile.
    private let wire: UnsafeMutablePointer<FCGX_Request>
    /// STDIN was read to its end without an error, so that the next byte of the connection begins a new request.
    private var isDrained = false

    /// What may follow the longest accepted body and is still read, so that an oversized request gets its 413 on a
    /// connection that stays whole.
    private static let drainAllowance = 64 << 10

    /// Reads the params; nil when they cannot be read, and then the descriptor has been closed, as the library does.
    ///
    /// The struct behind `wire` was made by `FCGX_InitRequest` without a listening socket: so nothing can block in the
    /// library's own accept, which it turns to after an error.
    init?(on descriptor: Int32, through wire: UnsafeMutablePointer<FCGX_Request>) {
        unsafe wire.pointee.ipcFd = descriptor
        // Else FCGX_Accept_r begins by closing the connection as the remains of a request before.
        unsafe wire.pointee.keepConnection = 1
        guard unsafe FCGX_Accept_r(wire) == 0 else { return nil }
        // Params that end with the connection count as whole to the library, and whatever was missing as not sent.
        guard unsafe FCGX_GetError(wire.pointee.in) == 0 else {
            unsafe FCGX_Free(wire, 1)
            return nil
        }
        unsafe self.wire = unsafe wire
    }

    /// Whether the peer wants the connection kept and it is fit for it.
    var isReusable: Bool { unsafe isDrained && wire.pointee.keepConnection != 0 }

    /// Reads the request whole; nil when it lacks the secret of the web server.
    mutating func read(settings: FastCGISettings) -> Result<Request, Rejection>? {
        let params = unsafe Params(wire.pointee.envp, gate: settings.gate)
        guard settings.gate == nil || params.hasPassedGate else { return nil }
        let (body, problem) = readBody(announced: params.contentLength, limit: settings.bodyLimit)
        if let reason = params.isMalformed ? .malformed : problem {
            return .failure(Rejection(reason: reason, request: params.request(body: [])))
        }
        return .success(params.request(body: body))
    }

    /// Writes the answer and ends the exchange: whether the peer took it, and whether the head could be written or
    /// the answer has become a bare 500.
    consuming func answer(_ response: Response, withBody: Bool) -> (isSent: Bool, isSafe: Bool) {
        var response = response
        let (head, isSafe) = ResponseHead.make(for: &response)
        put(head)
        if withBody { put(response.body) }
        // Closing the streams writes what they hold together with the end of the request. After an error that would
        // only wait once more for a peer that reads nothing.
        let isSent =
            unsafe FCGX_GetError(wire.pointee.out) == 0
            && FCGX_FClose(wire.pointee.err) == 0 && FCGX_FClose(wire.pointee.out) == 0
        abandon()
        return (isSent, isSafe)
    }

    /// Ends the exchange without a word.
    consuming func abandon() {
        // FCGX_Finish_r would write and close by its own rules; this only frees.
        unsafe FCGX_Free(wire, 0)
        unsafe wire.pointee.ipcFd = -1
    }

    /// After an error the stream takes no more, and keeps the error. The library counts bytes in 32 bits.
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

    /// Reads STDIN to its end, whatever becomes of the request: bytes left unread would be taken for the records of a
    /// next request, written by the client.
    ///
    /// The end of STDIN alone proves nothing, as libfcgi reports a peer's loss and an abort in the same way.
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

    /// Reads and forgets; notes whether the end was reached.
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
