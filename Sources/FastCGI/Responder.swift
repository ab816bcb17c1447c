import Glibc
import HTTP

/// The work of one thread of a pool: it takes one ready connection after another, each for one request.
final class Responder {
    private let pool: ResponderPool
    private let deadline: ReadDeadline
    private let handler: ResponderPool.Handler
    private let progress: ThreadProgress?
    private let isSpare: Bool
    /// A parked exchange takes it along; this thread then makes a new one.
    private var fcgi = FCGIRequest()

    /// How long a peer may be silent within a body that is not awaited: what is on its way still arrives.
    private static let hurriedSilence = Duration.milliseconds(50)
    /// The read deadline of such a body, in ticks of the pool's timer.
    private static let hurriedTicks = 2

    /// - Parameters:
    ///   - progress: where the thread shows what it does; nil: nowhere.
    ///   - isSpare: whether it serves while all others are blocked. It waits for no body then.
    init(
        pool: ResponderPool, deadline: ReadDeadline, progress: ThreadProgress? = nil, isSpare: Bool = false,
        handler: @escaping ResponderPool.Handler
    ) {
        self.isSpare = isSpare
        self.pool = pool
        self.deadline = deadline
        self.handler = handler
        self.progress = progress
    }

    /// Serves until the pool ends, then serves what is ready at that moment and wakes the next thread.
    func run() {
        while let event = pool.events.wait(), event.descriptor != pool.events.endDescriptor { serve(event) }
        while let event = pool.events.wait(milliseconds: 0) { serve(event) }
        pool.events.arm(pool.events.endDescriptor)
    }

    /// Serves one ready connection, if there is one before the timeout (in milliseconds), unless another thread can.
    /// False when the pool ends.
    func serveOne(within timeout: Int32, if isNeeded: () -> Bool) -> Bool {
        guard let event = pool.events.wait(milliseconds: timeout) else { return true }
        switch event.descriptor {
        case pool.acceptor.listener.descriptor:
            // It stays ready for the others.
            if isNeeded() { serve(event) }
        // For the threads that end by it.
        case pool.events.endDescriptor:
            pool.events.arm(event.descriptor)
            return false
        case _ where event.slot != 0 || isNeeded(): serve(event)
        default: pool.events.arm(event.descriptor)
        }
        return true
    }

    private func serve(_ event: EventSet.Event) {
        progress?.change()
        defer { progress?.change() }
        guard event.descriptor != pool.acceptor.listener.descriptor else {
            if let accepted = pool.acceptor.accept() { serveUnverified(accepted) }
            return
        }
        guard event.slot == 0 else {
            pool.parking.occupant(of: event.slot)?.disconnect()
            return
        }
        switch pool.take(event.descriptor) {
        case .notIdle: break
        // A connection of the web server that has not ended: the event can only be a request.
        case .verified where !event.hasEnded: respond(on: event.descriptor)
        case .verified, .unverified: serveUnverified(event.descriptor, hasEnded: event.hasEnded)
        }
    }

    /// Owns the connection from here on: keeps it for the next request or closes it.
    private func serveUnverified(_ descriptor: Int32, hasEnded: Bool = false) {
        let arrival = Arrival(peekingAt: descriptor)
        if case .part(let count) = arrival {
            guard let event = hasEnded ? .requestUnreadable : pool.parts.note(count, on: descriptor) else {
                pool.keepPart(descriptor)
                return
            }
            refuse(descriptor, event)
            return
        }
        pool.parts.remove(descriptor)
        switch arrival {
        case .nothing: pool.keep(descriptor, .unverified)
        case .end: close(descriptor)
        case .request: respond(on: descriptor)
        case .invalid, .part: refuse(descriptor, .strayPeer)
        }
    }

    private func refuse(_ descriptor: Int32, _ event: FastCGIEvent) {
        pool.parts.remove(descriptor)
        pool.observe(event)
        close(descriptor)
    }

    private func respond(on descriptor: Int32) {
        deadline.start(descriptor)
        guard var exchange = unsafe Exchange(on: descriptor, through: fcgi.request) else {
            pool.observe(deadline.stop() ? .deadlinePassed(id: "", client: "") : .requestUnreadable)
            return
        }
        let request = exchange.request(gate: pool.settings.gate)
        var isCut = deadline.stop()
        // Most requests have no body.
        if request != nil, !isCut, exchange.announced ?? 0 == 0 {
            isCut = read(on: descriptor) { _ = exchange.isAtEnd }.isCut
        }
        guard let request, !isCut else {
            pool.observe(
                isCut ? .deadlinePassed(id: request?.id ?? "", client: request?.remoteAddress ?? "") : .gateRefused)
            exchange.abandon()
            close(descriptor)
            return
        }
        if let id = exchange.callID, pool.settings.register?.begin(id) == false {
            pool.observe(.callNotRepeated)
            exchange.abandon()
            close(descriptor)
            return
        }
        if request.isMalformed { pool.observe(.rejected(reason: .malformed, id: request.id)) }
        guard let reply = reply(to: request, &exchange, on: descriptor) else {
            exchange.abandon()
            close(descriptor)
            return
        }
        send(reply, to: request, exchange, on: descriptor)
    }

    /// Reads a part of the body under the read deadline. If other threads wait for bodies already, a body that has not
    /// arrived is hardly awaited.
    private func read(on descriptor: Int32, _ part: () -> Void) -> (isCut: Bool, isHurried: Bool) {
        let mayWait = !isSpare && pool.bodyWaits.begin()
        if !mayWait { pool.acceptor.limitSilence(of: descriptor, to: Self.hurriedSilence) }
        deadline.start(descriptor, limit: mayWait ? nil : Self.hurriedTicks)
        part()
        let isCut = deadline.stop()
        if mayWait { pool.bodyWaits.end() } else { pool.acceptor.limitSilence(of: descriptor) }
        return (isCut, !mayWait)
    }

    /// The handler's reply, when the rest of the body is drained; nil if the body did not arrive before the deadline.
    private func reply(to request: Request, _ exchange: inout Exchange, on descriptor: Int32) -> Reply? {
        var isCut = false
        let reply = handler(request) { policy throws(Rejection) in
            if exchange.isDrained { return .empty }
            var body = Result<RequestBody, Rejection>.failure(.bodyNotAwaited)
            let reading = read(on: descriptor) {
                body = Result { () throws(Rejection) in
                    try exchange.readBody(policy, folder: pool.settings.temporaryFolder)
                }
            }
            isCut = reading.isCut
            if reading.isHurried, case .failure(.bodyIncomplete) = body { body = .failure(.bodyNotAwaited) }
            if case .failure(let rejection) = body, !isCut {
                pool.observe(.rejected(reason: rejection, id: request.id))
            }
            return try body.get()
        }
        if !exchange.isDrained, !isCut {
            isCut = read(on: descriptor) { exchange.drain(limit: pool.settings.bodyLimit) }.isCut
        }
        guard !isCut else {
            pool.observe(.deadlinePassed(id: reply.initial.id(of: request), client: request.remoteAddress))
            reply.onResponse?(nil)
            reply.onSent?()
            return nil
        }
        return reply
    }

    private func send(_ reply: Reply, to request: Request, _ exchange: consuming Exchange, on descriptor: Int32) {
        switch reply.continuation {
        case nil:
            end(exchange, with: reply.initial, onSent: reply.onSent, to: request, on: descriptor)
        case .wait(let start):
            guard let slot = pool.parking.reserve(for: reply.owner, isStream: false) else {
                pool.observe(.parkingFull)
                let response = reply.refusal ?? reply.initial
                reply.onResponse?(response)
                return end(exchange, with: response, to: request, on: descriptor)
            }
            pool.park(
                park(exchange, on: descriptor, request, reply), on: descriptor, in: slot, fallback: reply.initial,
                onResponse: reply.onResponse, start)
        case .stream(let fallback, let start):
            let isHead = request.method == "HEAD"
            guard !isHead, let slot = pool.parking.reserve(for: reply.owner, isStream: true) else {
                var response = isHead ? reply.initial : fallback
                // The stream itself would have no length.
                if isHead { response.body = .chunks(length: nil) { nil } } else { pool.observe(.parkingFull) }
                reply.onResponse?(response)
                return end(exchange, with: response, to: request, on: descriptor)
            }
            reply.onResponse?(reply.initial)
            pool.stream(
                reply.initial, through: park(exchange, on: descriptor, request, reply), on: descriptor, in: slot, start)
        }
    }

    private func end(
        _ exchange: consuming Exchange, with response: Response, onSent: (() -> Void)? = nil, to request: Request,
        on descriptor: Int32
    ) {
        pool.answer(
            exchange, response, id: response.id(of: request), withBody: request.method != "HEAD", on: descriptor,
            as: .verified, onSent: onSent)
    }

    /// Takes the exchange, and the struct that it uses, off this thread.
    private func park(
        _ exchange: consuming Exchange, on descriptor: Int32, _ request: Request, _ reply: Reply
    ) -> ParkedExchange {
        defer { fcgi = FCGIRequest() }
        return ParkedExchange(
            exchange, on: descriptor, through: fcgi, id: reply.initial.id(of: request),
            withBody: request.method != "HEAD")
    }
}

extension Response {
    /// The id of the request that it answers: the web server's, or else the one that the handler has given it. Empty
    /// without either.
    fileprivate func id(of request: Request) -> String {
        request.id.isEmpty ? headers["X-Request-Id"] ?? "" : request.id
    }
}
