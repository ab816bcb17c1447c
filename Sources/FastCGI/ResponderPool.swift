import Glibc
package import HTTP
import System
import Synchronization

/// The threads of one process that answer FastCGI requests, each connection in turn being served by whichever is free.
///
/// An idle kept connection costs a descriptor and no thread.
package final class ResponderPool: Sendable {
    /// Answers one request, or a rejected one in the shape of the application's errors. Runs on one thread only.
    package typealias Handler = (Result<Request, Rejection>) -> Reply

    let settings: FastCGISettings
    let observe: @Sendable (FastCGIEvent) -> Void
    let events: EventSet
    let acceptor: Acceptor

    private let makeHandler: @Sendable () -> Handler
    private let deadlines: [ReadDeadline]
    private let timer: Timer
    private let threads = Mutex<[NativeThread]>([])
    private let idle = IdleConnections()
    private let parking: Parking
    /// From then on nothing stays idle here.
    private let isDraining = Atomic(false)
    private let handOver = Mutex<(@Sendable (Int32) -> Bool)?>(nil)

    /// `makeHandler` is called once on each of the threads; what it returns stays there.
    package init(
        listener: Listener, threads: Int, settings: FastCGISettings,
        observe: @escaping @Sendable (FastCGIEvent) -> Void, makeHandler: @escaping @Sendable () -> Handler
    ) throws(FastCGIError) {
        guard Library.status == 0 else { throw .library(code: Library.status) }
        self.settings = settings
        self.observe = observe
        self.makeHandler = makeHandler
        self.events = try EventSet()
        self.parking = try Parking(capacity: settings.parkingLimit)
        self.acceptor = Acceptor(listener: listener, events: events, settings: settings, observe: observe)
        self.deadlines = (0..<threads).map { _ in ReadDeadline() }
        self.timer = try Timer(deadline: settings.readDeadline)
    }

    /// Begins to accept and to answer. After an error the process had better end: some threads may run.
    package func start() throws(FastCGIError) {
        for deadline in deadlines {
            let thread = try NativeThread.start { [self] in
                Responder(pool: self, deadline: deadline, handler: makeHandler()).run()
            }
            threads.withLock { $0.append(thread) }
        }
        try timer.start { [self] limit in
            for deadline in deadlines { deadline.tick(limit: limit) }
            acceptor.resume()
        }
        acceptor.begin()
    }

    /// Takes over an idle kept connection of a leaving responder, with whatever request has already arrived on it.
    package func adopt(_ descriptor: Int32) {
        keep(descriptor, .untried)
    }

    /// Stops accepting, lets exchanges that have begun finish, and returns when all threads have ended. Exchanges that
    /// are parked get the answer that they have for this.
    ///
    /// Each connection that is idle or becomes it is offered to `handOver`, called on any thread: true when a successor
    /// holds a duplicate of the descriptor by now. Ours is closed in either case.
    package func drain(handOver: @escaping @Sendable (Int32) -> Bool) {
        self.handOver.withLock { $0 = handOver }
        isDraining.store(true, ordering: .sequentiallyConsistent)
        acceptor.end()
        events.ring()
        // A connection with a request on it is left to a thread: all look for such before they leave.
        for descriptor in idle.all where Arrival(peekingAt: descriptor) == .nothing { release(descriptor) }
        let running = threads.withLock { threads in
            defer { threads = [] }
            return threads
        }
        parking.close()
        for thread in running { thread.join() }
        for descriptor in idle.all { release(descriptor) }
        timer.stop()
    }

    /// Writes the answer and ends the exchange; true when its connection is whole and may carry another one.
    func answer(_ exchange: consuming Exchange, _ response: Response, id: String, withBody: Bool) -> Bool {
        let isReusable = exchange.isReusable && settings.gate != nil
        let (isSent, isSafe) = exchange.answer(response, withBody: withBody)
        if !isSafe { observe(.answerRefused(id: id)) }
        if !isSent { observe(.answerLost(id: id)) }
        return isSent && isReusable
    }

    /// A place for one more exchange whose answer comes later, to be given to `park`; nil where there is none.
    func reservePlace() -> UInt32? { parking.reserve() }

    /// Lets the exchange wait for its answer without a thread.
    func park(_ exchange: ParkedExchange, on descriptor: Int32, at place: UInt32, _ later: Later) {
        let parked = Parked { [self] response in
            parking.remove(place)
            exchange.end(with: response, in: self)
            parking.vacate()
        }
        let isParked = parking.put(parked, at: place, otherwise: later.otherwise) {
            events.watchEnd(of: descriptor, place: place)
        }
        if isParked { later.park(parked) } else { parked.answer(later.otherwise) }
    }

    /// Frees the exchange in that place, if it still waits.
    func peerLeft(_ place: UInt32) { parking.parked(at: place)?.leave() }

    /// What is known of the connection if it was idle and now is the caller's.
    func take(_ descriptor: Int32) -> IdleConnections.Standing { idle.take(descriptor) }

    /// Makes the connection wait for its next request, here or, while draining, at the successor.
    func keep(_ descriptor: Int32, _ standing: IdleConnections.Standing) {
        guard descriptor < IdleConnections.capacity else {
            close(descriptor)
            return
        }
        idle.put(descriptor, standing)
        events.arm(descriptor)
        // Looked at last: either this or the drain's own walk sees the connection.
        if isDraining.load(ordering: .sequentiallyConsistent) { release(descriptor) }
    }

    /// Gives an idle connection away, if it still is idle.
    private func release(_ descriptor: Int32) {
        guard idle.take(descriptor) != .absent else { return }
        // The successor's duplicate would keep it in our set.
        events.remove(descriptor)
        _ = handOver.withLock(\.self)?(descriptor)
        close(descriptor)
    }
}
