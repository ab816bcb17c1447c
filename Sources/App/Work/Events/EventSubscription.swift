package import Flows
package import HTTP
import Postgres
package import System

/// A call that reads events, and how it gets them.
package struct EventSubscription: Sendable {
    package enum Sink: Sendable {
        /// All events, as they come.
        case stream(EventStream)
        /// The first events, or none at the deadline; nil: the database is unavailable.
        case page(PendingResponse, deadline: Monotonic, answer: @Sendable (EventPage?) -> Response)
    }

    package let source: EventSource
    /// Whose events have to be written for it.
    package let reader: EventReader
    /// Nil: the reader begins.
    package let cursor: EventCursor?
    /// What permits it.
    package let permit: EventPermit
    package let sink: Sink
}

/// Events that are answered together.
package struct EventPage: Sendable {
    /// The maximum number of events.
    package static let limit = 100

    package let events: [RunEvent]
    /// Where the next call continues; nil: at the beginning.
    package let next: EventCursor?

    package init(_ events: [RunEvent], next: EventCursor?) { (self.events, self.next) = (events, next) }
}

/// How the process passes on events.
package struct EventService: Sendable {
    /// Whether responses may be streams: the web server passes on each part at once, and the process can wait without a
    /// thread.
    let hasStreams: Bool
    /// Begins to pass on events. It does not wait.
    let subscribe: @Sendable (EventSubscription) throws -> Void

    package init(hasStreams: Bool, subscribe: @escaping @Sendable (EventSubscription) throws -> Void) {
        (self.hasStreams, self.subscribe) = (hasStreams, subscribe)
    }
}
