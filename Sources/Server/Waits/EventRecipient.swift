import App
import Flows
import HTTP
import System

/// A call that reads events, and what it has got. It does no I/O but to its sink, which never waits.
struct EventRecipient {
    enum Stage {
        /// It is not known yet whether the log has what it asks for.
        case arriving
        /// It gets the record of its run, beyond these steps.
        case recording(StepsSeen)
        /// It gets what follows a position in the log.
        case following(EventPosition)
        /// It has got everything, or is disconnected.
        case over
    }

    /// An event with its text in a stream, and the position after it in the log; nil: it is not of the log.
    typealias Item = (event: RunEvent, text: [UInt8], position: EventPosition?)

    /// A stream is not written to beyond this, in bytes: what waits here for the client waits in the log instead.
    static let backlogLimit = 32 << 10
    /// A client that takes nothing for so long is disconnected.
    static let timeout = Duration.seconds(10)
    /// How often a reader without events gets its position.
    static let positionInterval = Duration.seconds(60)
    /// How long after the deadline of a page it is answered although the database could not be asked.
    static let grace = Duration.seconds(5)

    let subscription: EventSubscription
    var stage = Stage.arriving
    /// Whether it has got what there was, once: then a page may be empty.
    var isCurrent = false
    /// Whether it was asked if its run is active, since it arrived.
    var isChecked = false
    /// Whether its run is not active, so that no more events come than those that the log has.
    var hasEnded = false
    /// Whether it gets `reset` first, because it has lost its position.
    var lostPosition = false
    private var page: [RunEvent] = []
    /// Whether something was written that the client has perhaps not taken yet.
    private var hasBacklog = false
    private var blockedSince: Monotonic?
    /// The position that the client got last, and when.
    private var announced: (position: EventPosition?, time: Monotonic)

    init(_ subscription: EventSubscription, at now: Monotonic) {
        self.subscription = subscription
        announced = (nil, now)
    }

    var isStream: Bool { if case .stream = subscription.sink { true } else { false } }

    var isOver: Bool { if case .over = stage { true } else { false } }

    /// Whether events can be passed on now.
    mutating func hasRoom() -> Bool {
        guard case .stream(let stream) = subscription.sink else { return page.isEmpty }
        guard hasBacklog else { return true }
        let backlog = stream.backlog
        hasBacklog = backlog > 0
        return backlog < Self.backlogLimit
    }

    /// Passes on events until there is no room. Returns how many.
    mutating func receive(_ items: some Sequence<Item>, at now: Monotonic) -> Int {
        var (count, text): (Int, [UInt8]) = (0, [])
        for item in items {
            switch subscription.sink {
            case .page:
                guard page.count < EventPage.limit else { return count }
                page.append(item.event)
            case .stream:
                // Each write is limited, and the next one only if the client has taken enough of those before.
                if text.count + item.text.count > Self.backlogLimit, !text.isEmpty {
                    guard write(text, at: now), hasRoom() else { return count }
                    text = []
                }
                text += item.text
            }
            count += 1
            advance(past: item)
            if isOver { break }
        }
        if !text.isEmpty { _ = write(text, at: now) }
        if isOver, case .stream(let stream) = subscription.sink { stream.end() }
        return count
    }

    private mutating func advance(past item: Item) {
        if let position = item.position {
            stage = .following(position)
        } else if case .steps(let seen) = item.event.cursor {
            stage = .recording(seen)
        }
        if item.event.isEnd, case .run = subscription.source { stage = .over }
    }

    private mutating func write(_ text: [UInt8], at now: Monotonic) -> Bool {
        guard case .stream(let stream) = subscription.sink else { return false }
        hasBacklog = true
        if case .following(let position) = stage { announced = (position, now) } else { announced.time = now }
        if stream.send(text) { return true }
        stage = .over
        return false
    }

    /// There is nothing more for it: its position is not before the transaction, below which nothing new begins.
    mutating func isComplete(upTo floor: Int64?, at now: Monotonic) {
        isCurrent = true
        guard case .following(let position) = stage else { return }
        let moved = floor.map { position.noEarlier(than: $0) } ?? position
        stage = .following(moved)
        let isDue = announced.position == nil || announced.time + Self.positionInterval <= now
        guard isStream, isDue, announced.position != moved else { return }
        if write(EventStreamText.position(.position(moved)), at: now) { announced = (moved, now) }
    }

    /// Ends what is over by itself: a stream of a client that has disconnected or takes nothing, and a page that has
    /// events or whose time has passed. Returns whether the client took nothing.
    mutating func finish(at now: Monotonic) -> Bool {
        switch subscription.sink {
        case .stream(let stream):
            if stream.isClosed { stage = .over }
            guard !isOver, !hasRoom() else {
                blockedSince = nil
                return false
            }
            blockedSince = blockedSince ?? now
            guard let blockedSince, blockedSince + Self.timeout <= now else { return false }
            fail()
            return true
        case .page(let pending, let deadline, let answer):
            if pending.isDisconnected {
                stage = .over
            } else if !page.isEmpty {
                pending.send(answer(EventPage(page, next: page.last?.cursor)))
                stage = .over
            } else if isCurrent, deadline <= now {
                pending.send(answer(EventPage([], next: cursor)))
                stage = .over
            } else if deadline + Self.grace <= now {
                fail()
            }
            return false
        }
    }

    /// Ends the call before it has got everything. The client can come back with the position that it has.
    mutating func fail() {
        switch subscription.sink {
        case .stream(let stream): stream.disconnect()
        case .page(let pending, _, let answer): pending.send(answer(nil))
        }
        stage = .over
    }

    /// Ends a stream, because what permits it has ended. A page is answered soon anyway.
    mutating func revoke() {
        guard case .stream(let stream) = subscription.sink else { return }
        stream.end()
        stage = .over
    }

    private var cursor: EventCursor? {
        switch stage {
        case .following(let position): .position(position)
        case .recording(let seen): .steps(seen)
        case .arriving, .over: subscription.cursor
        }
    }
}
