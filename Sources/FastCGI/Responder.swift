import CFastCGI
import Glibc
import HTTP

/// What one thread of a pool does: one ready connection after another, each for one request.
@safe
final class Responder {
    private let pool: ResponderPool
    private let deadline: ReadDeadline
    private let handler: ResponderPool.Handler
    /// libfcgi keeps this address while a request lasts, so it is on the heap.
    private let wire: UnsafeMutablePointer<FCGX_Request>

    init(pool: ResponderPool, deadline: ReadDeadline, handler: @escaping ResponderPool.Handler) {
        self.pool = pool
        self.deadline = deadline
        self.handler = handler
        unsafe wire = .allocate(capacity: 1)
        unsafe FCGX_InitRequest(wire, -1, FCGI_FAIL_ACCEPT_ON_INTR)
    }

    deinit {
        unsafe wire.deallocate()
    }

    /// Serves until the bell rings, then whatever is ready at that moment, then lets the bell ring for the next thread.
    func run() {
        while let event = pool.events.wait(), event.descriptor != pool.events.bell { serve(event) }
        while let event = pool.events.wait(milliseconds: 0) { serve(event) }
        pool.events.arm(pool.events.bell)
    }

    private func serve(_ event: EventSet.Event) {
        guard event.descriptor != pool.acceptor.listener.descriptor else {
            if let accepted = pool.acceptor.accept() { serveUntried(accepted) }
            return
        }
        switch pool.take(event.descriptor) {
        case .absent: break
        // The web server's own connection, and it has not ended: only a request can be on it.
        case .proven where !event.hasEnded: respond(on: event.descriptor)
        case .proven, .untried: serveUntried(event.descriptor)
        }
    }

    /// Owns the connection from here on: keeps it for a next request or closes it.
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
        guard var exchange = unsafe Exchange(on: descriptor, through: wire) else {
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
        let isReusable = exchange.isReusable && pool.settings.gate != nil
        if answer(received, exchange) && isReusable { pool.keep(descriptor, .proven) } else { close(descriptor) }
    }

    private func answer(_ received: Result<Request, Rejection>, _ exchange: consuming Exchange) -> Bool {
        let request: Request
        switch received {
        case .success(let whole): request = whole
        case .failure(let rejection):
            request = rejection.request
            pool.observe(.rejected(reason: rejection.reason, id: request.id))
        }
        let (isSent, isSafe) = exchange.answer(handler(received), withBody: request.method != "HEAD")
        if !isSafe { pool.observe(.answerRefused(id: request.id)) }
        if !isSent { pool.observe(.answerLost(id: request.id)) }
        return isSent
    }
}
