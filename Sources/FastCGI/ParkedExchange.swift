import Glibc
import HTTP
import Synchronization

/// An exchange that waits without a thread, with the struct it uses and what is needed to end it.
final class ParkedExchange: Sendable {
    private let exchange: Mutex<Exchange?>
    private let fcgi: FCGIRequest
    private let descriptor: Int32
    private let id: String
    private let withBody: Bool

    init(_ exchange: consuming Exchange, on descriptor: Int32, through fcgi: FCGIRequest, id: String, withBody: Bool) {
        self.exchange = Mutex(exchange)
        self.fcgi = fcgi
        self.descriptor = descriptor
        self.id = id
        self.withBody = withBody
    }

    /// Ends the exchange with the response, or without one because its peer has disconnected. Has no effect when called
    /// again.
    func end(with response: Response?, in pool: ResponderPool) {
        guard let exchange = exchange.withLock({ $0.take() }) else { return }
        guard let response else {
            pool.observe(.answerLost(id: id))
            pool.end(exchange.callID)
            exchange.abandon()
            close(descriptor)
            return
        }
        // A web server that follows the protocol sends no request before the response, so bytes that have arrived are
        // checked.
        pool.answer(exchange, response, id: id, withBody: withBody, on: descriptor, as: .unverified)
    }

    /// Sends the head of a stream; false if the peer did not take it.
    func beginStream(_ head: Response) -> Bool {
        exchange.withLock { $0?.beginStream(head) ?? false }
    }

    /// Writes the bytes without waiting; false if the peer did not take all of them.
    func stream(_ bytes: [UInt8]) -> Bool {
        exchange.withLock { $0?.stream(bytes) ?? false }
    }

    /// About how many of the written bytes the peer has not taken.
    var backlog: Int { exchange.withLock { $0?.backlog ?? 0 } }

    /// Ends the stream: completely, or without its end because the peer is too slow or has disconnected.
    func endStream(isComplete: Bool, in pool: ResponderPool) {
        guard let exchange = exchange.withLock({ $0.take() }) else { return }
        let isReusable = exchange.isReusable && pool.settings.gate != nil
        var isSent = false
        pool.end(exchange.callID)
        if isComplete { isSent = exchange.endStream() } else { exchange.abandon() }
        if !isSent { pool.observe(.answerLost(id: id)) }
        if isSent, isReusable { pool.keep(descriptor, .unverified) } else { close(descriptor) }
    }
}
