import Glibc
package import HTTP
import System
import Synchronization

/// The threads of one process that answer FastCGI requests. The next idle thread serves the next ready connection.
///
/// An idle kept connection costs a descriptor and no thread.
package final class ResponderPool: Sendable {
    /// Replies to one request, and may read its body. Each handler stays on one thread.
    package typealias Handler = (Request, BodyReader) -> Reply

    let settings: FastCGISettings
    let observe: @Sendable (FastCGIEvent) -> Void
    let events: EventSet
    let acceptor: Acceptor

    private let makeHandler: @Sendable () -> Handler
    private let deadlines: [ReadDeadline]
    private let progress: [ThreadProgress]
    private let spare: SpareThread?
    private let makeSpareHandler: @Sendable () -> Handler
    private let timer: Timer
    private let threads = Mutex<[NativeThread]>([])
    private let idle = IdleConnections()
    let parking: Parking
    let parts: PartialArrivals
    let bodyWaits: BodyWaits
    private let lingering: LingeringConnections
    /// When true, no connection stays idle here.
    private let isDraining = Atomic(false)
    /// When open streams get their next comment.
    private let comments: Mutex<Monotonic>
    private let handOver = Mutex<(@Sendable (Int32) -> Bool)?>(nil)

    /// `makeHandler` is called once on each thread; the handler that it returns stays on that thread. One that
    /// `makeSpareHandler` makes answers while all of these threads are blocked, if the settings limit that: at once.
    package init(
        listener: Listener, threads: Int, settings: FastCGISettings,
        observe: @escaping @Sendable (FastCGIEvent) -> Void, makeHandler: @escaping @Sendable () -> Handler,
        makeSpareHandler: (@Sendable () -> Handler)? = nil
    ) throws(FastCGIError) {
        guard Library.status == 0 else { throw .library(code: Library.status) }
        self.settings = settings
        self.observe = observe
        self.makeHandler = makeHandler
        self.events = try EventSet()
        self.parking = try Parking(capacity: settings.parkingLimit, streamCapacity: settings.streamLimit)
        self.parts = PartialArrivals(settings)
        self.bodyWaits = BodyWaits(threads: threads)
        self.lingering = LingeringConnections(limit: settings.readDeadline)
        self.acceptor = Acceptor(listener: listener, events: events, settings: settings, observe: observe)
        self.progress = (0..<threads).map { _ in ThreadProgress() }
        self.makeSpareHandler = makeSpareHandler ?? makeHandler
        if makeSpareHandler != nil, let limit = settings.queueTimeout {
            spare = try SpareThread(watching: progress, limit: limit)
        } else {
            spare = nil
        }
        self.deadlines = (0...threads).map { _ in ReadDeadline() }
        self.comments = Mutex(.now + settings.commentInterval)
        self.timer = try Timer(deadline: settings.readDeadline)
    }

    /// Starts to accept and to answer. After an error some threads may run, so the process should exit.
    package func start() throws(FastCGIError) {
        for (deadline, progress) in zip(deadlines, progress) {
            let thread = try NativeThread.start { [self] in
                Responder(pool: self, deadline: deadline, progress: progress, handler: makeHandler()).run()
            }
            threads.withLock { $0.append(thread) }
        }
        try spare?.start { [self] in
            let responder = Responder(
                pool: self, deadline: deadlines[progress.count], isSpare: true, handler: makeSpareHandler())
            return { [self] in responder.serveOne(within: 100) { spare?.isNeeded == true } }
        }
        try timer.start { [self] limit in
            for deadline in deadlines { deadline.tick(limit: limit) }
            if let areBlocked = spare?.tick() { observe(.threadsBlocked(areBlocked)) }
            acceptor.resume()
            parts.forEach { events.arm($0) }
            lingering.discard()
            comments.withLock { next in
                guard next <= .now else { return }
                next = .now + settings.commentInterval
                parking.sendComments()
            }
        }
        acceptor.begin()
    }

    /// Adopts an idle kept connection of a draining responder, with any request that has already arrived on it.
    package func adopt(_ descriptor: Int32) {
        keep(descriptor, .unverified)
    }

    /// Accepts new connections from that listening socket, which the pool then owns, instead of the present one.
    package func replaceListener(by socket: Int32) {
        for descriptor in acceptor.replaceSocket(by: socket) { keep(descriptor, .unverified) }
    }

    /// Stops accepting, lets exchanges that have begun finish, and returns when all threads have ended. Parked
    /// exchanges get their fallback response, and streams end.
    ///
    /// Each connection that is or becomes idle is passed to `handOver`, which may be called on any thread and returns
    /// true once a successor holds a duplicate of the descriptor. The pool closes its own descriptor in either case.
    package func drain(handOver: @escaping @Sendable (Int32) -> Bool) {
        self.handOver.withLock { $0 = handOver }
        // Nothing else accepts these.
        for descriptor in acceptor.acceptRest() { keep(descriptor, .unverified) }
        isDraining.store(true, ordering: .sequentiallyConsistent)
        acceptor.end()
        events.signalEnd()
        // The threads serve a connection that has a request: they check for one before they end.
        for descriptor in idle.all where Arrival(peekingAt: descriptor) == .nothing { release(descriptor) }
        let running = threads.withLock { threads in
            defer { threads = [] }
            return threads
        }
        parking.close()
        for thread in running { thread.join() }
        spare?.stop()
        for descriptor in idle.all { release(descriptor) }
        timer.stop()
        lingering.closeAll()
    }

    /// Writes the response and ends the exchange. Its connection is kept for another request if it can carry one.
    /// `onSent` is called once, before the record that ends the request is sent.
    func answer(
        _ exchange: consuming Exchange, _ response: Response, id: String, withBody: Bool, on descriptor: Int32,
        as state: IdleConnections.State, onSent: (() -> Void)? = nil
    ) {
        let isReusable = exchange.isReusable && settings.gate != nil
        let isDrained = exchange.isDrained
        let callID = exchange.callID
        let (isSent, isSafe) = exchange.answer(response, withBody: withBody, onSent: onSent)
        // Not before: a process that is killed in between has not answered.
        end(callID)
        if !isSafe { observe(.answerRefused(id: id)) }
        guard isSent else {
            observe(.answerLost(id: id))
            close(descriptor)
            return
        }
        switch (isReusable, isDrained) {
        case (true, _): keep(descriptor, state)
        case (false, true): close(descriptor)
        case (false, false): lingering.add(descriptor)
        }
    }

    /// Removes a call from the register.
    func end(_ callID: UInt64?) {
        if let callID { settings.register?.end(callID) }
    }

    /// Lets the exchange wait for its response without a thread.
    func park(
        _ exchange: ParkedExchange, on descriptor: Int32, in slot: UInt32, fallback: Response,
        onResponse: (@Sendable (Response?) -> Void)?, _ start: (PendingResponse) -> Void
    ) {
        observe(.parked(1))
        let pending = PendingResponse { [self] response in
            parking.remove(slot)
            onResponse?(response)
            exchange.end(with: response, in: self)
            observe(.parked(-1))
            parking.release(slot)
        }
        let isParked = parking.put(.pending(pending, fallback: fallback), in: slot) {
            events.watchEnd(of: descriptor, slot: slot)
        }
        if isParked { start(pending) } else { pending.send(fallback) }
    }

    /// Sends the head, and lets the exchange wait for its events without a thread.
    func stream(
        _ head: Response, through exchange: ParkedExchange, on descriptor: Int32, in slot: UInt32,
        _ start: (EventStream) -> Void
    ) {
        observe(.parked(1))
        let stream = EventStream(
            over: EventStream.Transport(
                write: { exchange.stream($0) },
                end: { [self] isComplete in
                    parking.remove(slot, fromStream: true)
                    exchange.endStream(isComplete: isComplete, in: self)
                    observe(.parked(-1))
                    parking.release(slot)
                }, backlog: { exchange.backlog }))
        guard exchange.beginStream(head) else {
            stream.disconnect()
            return
        }
        let isParked = parking.put(.stream(stream), in: slot) { events.watchEnd(of: descriptor, slot: slot) }
        if isParked { start(stream) } else { stream.end() }
    }

    /// Takes the connection, which then belongs to the caller, and returns its state; `.notIdle` if another thread has
    /// it.
    func take(_ descriptor: Int32) -> IdleConnections.State { idle.take(descriptor) }

    /// Lets the connection wait for its next request: here or, while draining, at the successor.
    func keep(_ descriptor: Int32, _ state: IdleConnections.State) {
        guard descriptor < IdleConnections.capacity else {
            close(descriptor)
            return
        }
        idle.put(descriptor, state)
        events.arm(descriptor)
        // Checked last, so that either this or the loop in `drain` releases the connection.
        if isDraining.load(ordering: .sequentiallyConsistent) { release(descriptor) }
    }

    /// Lets the connection wait for the rest of a request, until the next tick of the timer.
    func keepPart(_ descriptor: Int32) {
        guard descriptor < IdleConnections.capacity else {
            parts.remove(descriptor)
            close(descriptor)
            return
        }
        idle.put(descriptor, .unverified)
        if isDraining.load(ordering: .sequentiallyConsistent) { release(descriptor) }
    }

    /// Passes a connection to `handOver`, if it is still idle.
    private func release(_ descriptor: Int32) {
        guard idle.take(descriptor) != .notIdle else { return }
        parts.remove(descriptor)
        // Otherwise the successor's duplicate would keep the connection in this epoll set.
        events.remove(descriptor)
        _ = handOver.withLock(\.self)?(descriptor)
        close(descriptor)
    }
}
