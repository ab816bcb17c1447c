import Flows
import HTTP
import JSON
import System

extension Endpoint<Context> {
    static let events: [Endpoint] = [ofOne, ofAll]

    private static let form = """
        With `Accept: text/event-stream` the answer is a stream of Server-Sent Events. Otherwise it is a page of at most
        100 events: at once if there are some, else as soon as there is one, or after the seconds of `Prefer: wait=20`
        without any. Both continue after `Last-Event-ID` or `after`, without loss or repetition. A cursor that is older
        than an hour, or of another database, is answered with an event `reset`; then the events begin as without a
        cursor. `docs/events.md` shows how to read them.
        """

    private static let ofOne = Endpoint(
        .get, "/api/executions/{id}/events", operation: "watchExecution", tag: .executions, access: .user,
        limitedScope: .run, summary: "Watch a run",
        description: """
            Without a cursor: the steps so far and the state of the run, then what happens to it. The stream ends with \
            the run; a client that continues after that is answered 204, or with an empty page.

            \(form)
            """,
        query: [after], headers: [.lastEventID], waits: true,
        answers: answers + [
            Answer(.noContent, "The run has ended, and the client has got all of its events")
        ], problems: [.invalidCursor],
        examples: [Example("Read the events of a run", headers: ["Prefer": "wait=5"])]
    ) { context in
        let (id, caller) = (try context.id(), try context.user)
        guard let run = try EventLog.run(id, in: caller.readableRuns, on: context.connection) else {
            throw Problem.notFound
        }
        let (cursor, reader) = (try context.eventCursor(), EventReader(of: run.ownerID))
        if case .end(let position)? = cursor, !run.isActive,
            try EventLog.isLast(position, of: id, for: reader, on: context.connection)
        {
            return .response(
                context.acceptsStream ? .noContent : .json(EventPage([], next: cursor).json))
        }
        return try context.reply(
            with: .run(id), for: reader, from: cursor, permit: EventPermit(caller, for: run.ownerID))
    }

    private static let ofAll = Endpoint(
        .get, "/api/events", operation: "watchExecutions", tag: .executions, access: .user,
        limitedScope: .run, summary: "Watch all of your runs",
        description: """
            Without a cursor: what happens from now on. Admins watch the runs of all users. An API key without the \
            scope `read` watches those that it started.

            \(form)
            """,
        query: [after], headers: [.lastEventID], waits: true, answers: answers, problems: [.invalidCursor],
        examples: [Example("Read the events of all runs", headers: ["Prefer": "wait=1"])]
    ) { context in
        let (caller, cursor) = (try context.user, try context.eventCursor())
        if case .steps? = cursor { throw Problem(.invalidCursor) }
        let visibility = caller.readableRuns
        return try context.reply(
            with: .runs(visibility), for: EventReader(of: visibility), from: cursor,
            permit: EventPermit(caller, for: caller.isAdmin ? Optional.none : caller.id))
    }

    private static let after = Parameter(
        "after", .string(maxLength: EventCursor.maximumLength),
        "`next_cursor` of the previous page, or the `id` of an event. `Last-Event-ID` has precedence")

    private static let answers = [
        Answer(.ok, "A page of events", EventPage.schema),
        Answer(.ok, "A stream of events", .string, contentType: "text/event-stream"),
    ]
}

extension Request {
    /// Whether the client asks for a stream of events (RFC 9110, section 12.5.1). `*/*` does not: clients of pages send
    /// it, too.
    var acceptsEvents: Bool {
        guard let ranges = headers.list("accept") else { return false }
        return ranges.split(separator: ",").lazy.compactMap { MediaType(parsing: String($0)) }.contains { range in
            let weight = range.parameters.first { $0.name == "q" }?.value
            return range.name == "text/event-stream" && weight.flatMap(Double.init) != 0
        }
    }
}

extension Context {
    fileprivate var acceptsStream: Bool { request.acceptsEvents }

    /// Nil: the caller begins. Throws 400 for a text that is not a cursor.
    fileprivate func eventCursor() throws -> EventCursor? {
        let last = request.headers["last-event-id"].flatMap { $0.isEmpty ? Optional.none : $0 }
        guard let text = last ?? query["after"] else { return nil }
        guard let cursor = EventCursor(text) else {
            throw Problem(.invalidCursor, "The cursor is not one of these events")
        }
        return cursor
    }

    fileprivate func reply(
        with source: EventSource, for reader: EventReader, from cursor: EventCursor?, permit: EventPermit
    ) throws -> Reply {
        let (service, userID) = (services.events, try user.id)
        @Sendable func subscription(_ sink: EventSubscription.Sink) -> EventSubscription {
            EventSubscription(source: source, reader: reader, cursor: cursor, permit: permit, sink: sink)
        }
        guard acceptsStream, service.hasStreams else {
            return page(from: cursor, asStream: acceptsStream, subscription)
        }
        return .stream(for: userID, head: .events(), fallback: refusal) { stream in
            stream.send(EventStreamText.start)
            do {
                try service.subscribe(subscription(.stream(stream)))
            } catch {
                stream.end()
            }
        }
    }

    /// The response if too many calls wait or read streams, of all users or of this one.
    private var refusal: Response { Problem.unavailable(retryAfter: 5).response(requestID: call.id) }

    /// - Parameter isStream: whether the page has the form of a stream, in a process that has no streams.
    private func page(
        from cursor: EventCursor?, asStream isStream: Bool,
        _ subscription: @escaping @Sendable (EventSubscription.Sink) -> EventSubscription
    ) -> Reply {
        let (applied, call, caller) = (appliedPreference, call, caller?.id)
        let seconds = Preferences(request.headers).wait.map { min($0, Context.maximumWait) } ?? 0
        @Sendable func response(_ page: EventPage?) -> Response {
            call.response {
                guard let page else { throw Problem.unavailable(retryAfter: 2) }
                return (isStream ? Response.events(page.streamText) : .json(page.json)).applying(applied)
            }
        }
        let empty = EventPage([], next: cursor)
        let fallback: Response = isStream ? .events(empty.streamText) : .json(empty.json)
        return .wait(for: caller, fallback: fallback.applying(applied), refusal: refusal) { pending in
            let sink = EventSubscription.Sink.page(pending, deadline: .now + .seconds(seconds), answer: response)
            do {
                try call.services.events.subscribe(subscription(sink))
            } catch {
                pending.send(response(nil))
            }
        }
    }
}

extension Response {
    /// A response of Server-Sent Events. `no-transform`: what compresses a stream would hold events back.
    static func events(_ text: [UInt8] = []) -> Response {
        Response(
            status: .ok,
            headers: [
                "Content-Type": "text/event-stream; charset=utf-8", "Cache-Control": "no-store, no-transform",
            ], body: text)
    }
}
