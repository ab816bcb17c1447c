import Glibc
import HTTP

/// The work of one thread of a pool: it takes one ready connection after another, each for one request.
final class Responder {
    private let pool: ResponderPool
    private let deadline: ReadDeadline
    private let handler: ResponderPool.Handler
    /// A parked exchange keeps it; this thread then makes a new one.
    private var wire = Wire()

    init(pool: ResponderPool, deadline: ReadDeadline, handler: @escaping ResponderPool.Handler) {
        self.pool = pool
        self.deadline = deadline
        self.handler = handler
    }

    /// Serves until the pool is to end, then what is ready at that moment, then wakes the next thread.
    func run() {
        while let event = pool.events.wait(), event.descriptor != pool.events.endDescriptor { serve(event) }
        while let event = pool.events.wait(milliseconds: 0) { serve(event) }
        pool.events.arm(pool.events.endDescriptor)
    }

    private func serve(_ event: EventSet.Event) {
        guard event.descriptor != pool.acceptor.listener.descriptor else {
            if let accepted = pool.acceptor.accept() { serveUntried(accepted) }
            return
        }
        guard event.place == 0 else {
            pool.peerLeft(event.place)
            return
        }
        switch pool.take(event.descriptor) {
        case .absent: break
        // The web server's own connection, and it has not ended: it can only carry a request.
        case .proven where !event.hasEnded: respond(on: event.descriptor)
        case .proven, .untried: serveUntried(event.descriptor)
        }
    }

    /// Owns the connection from here on: keeps it for the next request or closes it.
    private func serveUntried(_ descriptor: Int32) {
        switch Arrival(peekingAt: descriptor) {
        case .nothing:
            pool.keep(descriptor, .untried)
        case .end:
            close(descriptor)
        case .stray:
            pool.observe(.strayPeer)
            close(descriptor)
        case .request:
            respond(on: descriptor)
        }
    }

    private func respond(on descriptor: Int32) {
        deadline.start(descriptor)
        guard var exchange = unsafe Exchange(on: descriptor, through: wire.request) else {
            pool.observe(deadline.stop() ? .deadlinePassed : .requestUnreadable)
            return
        }
        let received = exchange.read(settings: pool.settings)
        let isCut = deadline.stop()
        guard let received, !isCut else {
            pool.observe(isCut ? .deadlinePassed : .gateRefused)
            exchange.abandon()
            close(descriptor)
            return
        }
        answer(received, exchange, on: descriptor)
    }

    private func answer(
        _ received: Result<Request, Rejection>, _ exchange: consuming Exchange, on descriptor: Int32
    ) {
        let request: Request
        switch received {
        case .success(let whole): request = whole
        case .failure(let rejection):
            request = rejection.request
            pool.observe(.rejected(reason: rejection.reason, id: request.id))
        }
        let withBody = request.method != "HEAD"
        let response: Response
        switch handler(received) {
        case .now(let answer): response = answer
        case .later(let later):
            if let place = pool.reservePlace() {
                let exchange = ParkedExchange(
                    exchange, on: descriptor, through: wire, id: request.id, withBody: withBody)
                wire = Wire()
                pool.park(exchange, on: descriptor, at: place, later)
                return
            }
            response = later.otherwise
        }
        if pool.answer(exchange, response, id: request.id, withBody: withBody) {
            pool.keep(descriptor, .proven)
        } else {
            close(descriptor)
        }
    }
}
