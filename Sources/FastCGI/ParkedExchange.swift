import Glibc
import HTTP
import Synchronization

/// An exchange off its thread, with the struct it lives in and what is to be known of its request at its end.
final class ParkedExchange: Sendable {
    private let exchange: Mutex<Exchange?>
    private let wire: Wire
    private let descriptor: Int32
    private let id: String
    private let withBody: Bool

    init(_ exchange: consuming Exchange, on descriptor: Int32, through wire: Wire, id: String, withBody: Bool) {
        self.exchange = Mutex(exchange)
        self.wire = wire
        self.descriptor = descriptor
        self.id = id
        self.withBody = withBody
    }

    /// Ends the exchange with that answer, or without one as its peer has left; of no effect when called again.
    func end(with response: Response?, in pool: ResponderPool) {
        guard let exchange = exchange.withLock({ $0.take() }) else { return }
        guard let response else {
            pool.observe(.answerLost(id: id))
            exchange.abandon()
            close(descriptor)
            return
        }
        // What came on the connection meanwhile is no request of a web server that knows the protocol.
        if pool.answer(exchange, response, id: id, withBody: withBody) {
            pool.keep(descriptor, .untried)
        } else {
            close(descriptor)
        }
    }
}
