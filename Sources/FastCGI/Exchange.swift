import CFastCGI
import Glibc
import HTTP

/// One request and its response on one connection, read and written by libfcgi.
///
/// It ends exactly once, by `answer`, `endStream` or `abandon`; the descriptor remains the caller's. By then everything
/// that libfcgi lent is copied: its params and streams are freed with the exchange.
@safe
struct Exchange: ~Copyable, @unchecked Sendable {
    // Unchecked: the exchange has one owner, and only the owner uses the struct.
    let fcgi: UnsafeMutablePointer<FCGX_Request>
    /// `CONTENT_LENGTH`, if the web server knows it.
    var announced: Int?
    /// The id of a call that must not be executed twice.
    var callID: UInt64?
    /// The number of bytes that were read from STDIN.
    var received = 0
    /// Whether STDIN was read to its end without an error, so that the next byte of the connection begins a new
    /// request.
    var isDrained = false

    /// Reads the params; nil when they cannot be read: then libfcgi has closed the descriptor.
    ///
    /// `FCGX_InitRequest` made the struct behind `fcgi` without a listening socket. So the library cannot block in its
    /// own accept, which it calls after an error.
    init?(on descriptor: Int32, through fcgi: UnsafeMutablePointer<FCGX_Request>) {
        unsafe fcgi.pointee.ipcFd = descriptor
        // Otherwise FCGX_Accept_r begins by closing the connection, as the rest of an earlier request.
        unsafe fcgi.pointee.keepConnection = 1
        guard unsafe FCGX_Accept_r(fcgi) == 0 else { return nil }
        // If the connection ends within the params, the library accepts them as complete, without what is missing.
        guard unsafe FCGX_GetError(fcgi.pointee.in) == 0 else {
            unsafe FCGX_Free(fcgi, 1)
            return nil
        }
        unsafe self.fcgi = unsafe fcgi
    }

    /// Whether the peer wants to keep the connection and its request was read completely.
    var isReusable: Bool { unsafe isDrained && fcgi.pointee.keepConnection != 0 }

    /// The request without its body; nil when it lacks the web server's secret.
    mutating func request(gate: [UInt8]?) -> Request? {
        let params = unsafe Params(fcgi.pointee.envp, gate: gate)
        guard gate == nil || params.hasPassedGate else { return nil }
        announced = params.contentLength
        callID = params.callID
        return params.request
    }

    /// Writes the response and ends the exchange. `onSent` is called when the body is written, or will not be.
    /// `isSent`: the peer took the response. `isSafe`: its head was valid; if not, a bare 500 was sent instead.
    consuming func answer(
        _ response: consuming Response, withBody: Bool, onSent: (() -> Void)?
    ) -> (isSent: Bool, isSafe: Bool) {
        let (head, isSafe) = ResponseHead.make(for: &response)
        put(head)
        let isWhole = withBody ? put(response.body) : true
        onSent?()
        // Closing the streams writes what they hold and the end of the request. After an error it would only wait again
        // for a peer that does not read.
        let isSent =
            unsafe isWhole && FCGX_GetError(fcgi.pointee.out) == 0
            && FCGX_FClose(fcgi.pointee.err) == 0 && FCGX_FClose(fcgi.pointee.out) == 0
        abandon()
        return (isSent, isSafe)
    }

    /// Ends the exchange without a response.
    consuming func abandon() {
        // FCGX_Finish_r would also write and close the connection; this only frees.
        unsafe FCGX_Free(fcgi, 0)
        unsafe fcgi.pointee.ipcFd = -1
    }

    /// After an error the stream ignores further writes and stores the error. The library counts bytes in 32 bits.
    func put(_ bytes: [UInt8]) {
        unsafe bytes.withUnsafeBytes { bytes in
            var rest = unsafe bytes[...]
            while unsafe !rest.isEmpty {
                let piece = unsafe UnsafeRawBufferPointer(rebasing: rest.prefix(1 << 30))
                guard let start = piece.baseAddress else { return }
                _ = unsafe FCGX_PutStr(
                    start.assumingMemoryBound(to: CChar.self), Int32(piece.count), fcgi.pointee.out)
                unsafe rest = rest.dropFirst(piece.count)
            }
        }
    }

    /// Whether the body was produced to its end. Write errors are recorded by the stream.
    private func put(_ body: ResponseBody) -> Bool {
        body.forEachPiece { piece in
            guard piece.count < Self.longestContent else { return putLarge(piece) }
            put(piece)
            return unsafe FCGX_GetError(fcgi.pointee.out) == 0
        }
    }
}
