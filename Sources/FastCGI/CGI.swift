import CFastCGI
import Glibc
package import HTTP
import System
import Synchronization

/// One request in plain CGI (RFC 3875): variables in the environment, body on standard input, response on standard
/// output.
package enum CGI {
    /// Serves the one request that this process was started for; false when the response could not be written.
    ///
    /// A body of unknown length is refused (RFC 3875, section 4.1.2): Apache passes one that was sent in chunks so, and
    /// its end cannot be distinguished from a connection that was cut off. A body of known length is awaited first, so
    /// that no connection to the database is held while it arrives.
    ///
    /// The gate secret is not checked: the process that started this one has set its environment. A response that comes
    /// later is awaited, since the process has nothing else to do, but no longer than `timeout`. A stream ends after
    /// the events that are available at once.
    @discardableResult
    package static func serve(
        environment: [String: String], bodyLimit: Int = BodyPolicy.memoryLimit, temporaryFolder: String = "/tmp",
        timeout: Duration = .seconds(20), readDeadline: Duration = .seconds(15),
        input: Int32 = 0, output: Int32 = 1, handler: (Request, BodyReader) -> Reply
    ) -> Bool {
        var params = Params()
        for (name, value) in environment { params.add(Array("\(name)=\(value)".utf8).span) }
        params.finish()
        let request = params.request
        let length = params.contentLength
        let body = CGIInput(
            input, length: length ?? (request.headers["transfer-encoding"] == nil ? 0 : nil), limit: bodyLimit,
            deadline: readDeadline)
        body.prefetch()
        let reply = handler(request) { policy throws(Rejection) in
            try body.read(by: policy, folder: temporaryFolder)
        }
        // Apache breaks the response off if the program has not read what it sends.
        body.drain()
        let withBody = request.method != "HEAD"
        switch reply.continuation {
        case nil:
            defer { reply.onSent?() }
            return write(reply.initial, withBody, to: output)
        case .wait(let start):
            let response = wait(reply.initial, timeout, start)
            reply.onResponse?(response)
            return write(response, withBody, to: output)
        case .stream(_, let start):
            reply.onResponse?(reply.initial)
            return stream(reply.initial, withBody ? start : { _ in }, to: output)
        }
    }

    /// The response, if it comes in time, or the fallback.
    private static func wait(
        _ fallback: Response, _ timeout: Duration, _ start: (PendingResponse) -> Void
    ) -> Response {
        guard let arrived = try? WakeUp() else { return fallback }
        let received = Received()
        let pending = PendingResponse { response in
            received.response.withLock { $0 = response }
            arrived.signal()
        }
        start(pending)
        arrived.wait(until: .now + timeout)
        // Has no effect if another thread has sent a response, or is about to: that one is awaited.
        pending.send(fallback)
        while received.response.withLock({ $0 == nil }) { arrived.wait() }
        return received.response.withLock(\.self) ?? fallback
    }

    private final class Received: Sendable {
        let response = Mutex<Response?>(nil)
    }

    private static func stream(_ head: Response, _ start: (EventStream) -> Void, to output: Int32) -> Bool {
        var head = head
        head.body = .chunks(length: nil) { nil }
        guard write(ResponseHead.make(for: &head).bytes, to: output) else { return false }
        let stream = EventStream(over: EventStream.Transport(write: { write($0, to: output) }, end: { _ in }))
        start(stream)
        defer { stream.end() }
        return !stream.isClosed
    }

    private static func write(_ response: Response, _ withBody: Bool, to output: Int32) -> Bool {
        var response = response
        let head = ResponseHead.make(for: &response).bytes
        if withBody, case .bytes(let body) = response.body { return write(head + body, to: output) }
        return write(head, to: output) && (!withBody || response.body.forEachPiece { write($0, to: output) })
    }

    private static func write(_ bytes: [UInt8], to output: Int32) -> Bool {
        var written = 0
        while written < bytes.count {
            let count = unsafe bytes.withUnsafeBytes {
                unsafe Glibc.write(output, $0.baseAddress.map { unsafe $0 + written }, bytes.count - written)
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return false }
            written += count
        }
        return true
    }
}
