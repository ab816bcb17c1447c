import Flows
import HTTP
import JSON
import Postgres
import TestSupport
import Testing

@testable import App

/// The replies of the calls that read events.
@Suite struct EventReplyTests {
    private let subscriptions = Recording<EventSubscription>()

    private func make(hasStreams: Bool = true) throws -> (TestApplication, TestUser) {
        let application = try TestApplication { [subscriptions] services in
            services.subscribe = { subscriptions.add($0) }
            services.hasStreams = hasStreams
        }
        return (application, try application.makeUser())
    }

    private func get(
        _ target: String, _ application: TestApplication, token: String, _ headers: [(String, String)] = []
    ) -> Reply {
        application.reply(to: Request("GET", target, [application.bearer(token)] + headers))
    }

    private static let stream = ("Accept", "text/event-stream")

    @Test func aStreamBeginsWithItsHead() throws {
        let (application, user) = try make()
        let reply = get("/api/events", application, token: user.token, [Self.stream])
        guard case .stream(let fallback, let start) = reply.continuation else { throw TestFailure("no stream") }
        let head = HTTPAnswer(reply.initial)
        #expect(head.status == 200 && head.headers["content-type"]?.hasPrefix("text/event-stream") == true)
        #expect(head.headers["cache-control"] == "no-store, no-transform")
        #expect(head.headers["x-request-id"] != nil && reply.owner == user.id)
        expectProblem(HTTPAnswer(fallback), 503, "unavailable")
        #expect(fallback.headers["Retry-After"] == "5")
        let written = Recording<[UInt8]>()
        start(
            EventStream(
                over: .init(
                    write: { bytes in
                        written.add(bytes)
                        return true
                    }, end: { _ in })))
        #expect(written.all == [Array("retry: 2000\n\n".utf8)])
        let subscription = try #require(subscriptions.all.first)
        #expect(subscription.source == .runs(.user(user.id)) && subscription.cursor == nil)
        #expect(subscription.permit.userID == user.id && subscription.permit.expires != nil)
    }

    @Test(arguments: [
        ("text/event-stream", true), ("application/json, Text/Event-Stream;q=0.5", true), ("*/*", false),
        ("text/event-stream;q=0", false), ("text/event-stream; q=0.000, application/json", false),
        ("xtext/event-streamx", false), ("text/*", false), ("", false),
    ])
    func streamsAreAskedFor(accept: String, isStream: Bool) throws {
        let (application, user) = try make()
        let reply = get("/api/events", application, token: user.token, [("Accept", accept)])
        if case .stream = reply.continuation { #expect(isStream) } else { #expect(!isStream) }
    }

    /// `Last-Event-ID` is what an EventSource sends when it connects again, to the address that it has.
    @Test(arguments: [
        ("?after=1-2-3", "", "1-2-3"), ("?after=1-2-3", "4-5-6", "4-5-6"), ("", "4-5-6e", "4-5-6e"),
    ])
    func theCursorIsThatOfTheLastEvent(query: String, last: String, expected: String) throws {
        let (application, user) = try make()
        let reply = get("/api/events\(query)", application, token: user.token, [("Last-Event-ID", last)])
        guard case .wait(let start) = reply.continuation else { throw TestFailure("no page") }
        start(PendingResponse { _ in })
        #expect(subscriptions.all.map { $0.cursor?.text } == [expected])
        // The response when the process is replaced: the next call continues.
        #expect(HTTPAnswer(reply.initial)["next_cursor"] == .string(expected))
        expectProblem(HTTPAnswer(try #require(reply.refusal)), 503, "unavailable")
    }

    @Test(arguments: ["after=x", "after=1-2", "after=", "after=s3"])
    func aTextThatIsNoCursorIsRefused(query: String) throws {
        let (application, user) = try make()
        let answer = try application.get("/api/events?\(query)", token: user.token)
        expectProblem(answer, 400, "invalid_cursor")
    }

    /// Where the web server or the process cannot stream, a stream ends after what there is.
    @Test func withoutStreamsTheAnswerIsAPageInTheirForm() throws {
        let (application, user) = try make(hasStreams: false)
        let reply = get("/api/events", application, token: user.token, [Self.stream])
        let sent = Recording<Response>()
        guard case .wait(let start) = reply.continuation else { throw TestFailure("no page") }
        start(PendingResponse { if let response = $0 { sent.add(response) } })
        guard case .page(let pending, _, let answer)? = subscriptions.all.first?.sink else {
            throw TestFailure("no page")
        }
        let cursor = try #require(EventCursor("1-0-0"))
        pending.send(answer(EventPage([RunEvent.reset(cursor)], next: cursor)))
        let page = HTTPAnswer(try #require(sent.all.first))
        #expect(page.headers["content-type"]?.hasPrefix("text/event-stream") == true)
        #expect(page.text.hasPrefix("retry: 2000\n\nid: 1-0-0\nevent: reset\ndata: {"))
    }

    @Test func aRunIsReadByThoseWhoMayReadIt() throws {
        let (application, user) = try make()
        let other = try application.makeUser()
        let run = try #require(
            try application.post(
                "/flow-manager", ["flow": JSON.flow([.task("a", "approval")])["flow"] ?? .null],
                token: user.token, headers: [("Prefer", "respond-async")])["id"].stringValue)
        let target = "/api/executions/\(run)/events"
        expectProblem(try application.get(target, token: other.token), 404, "not_found")
        #expect(try application.get(target).status == 401)
        expectProblem(try application.get("/api/executions/x/events", token: user.token), 404, "not_found")
        let admin = try application.adminToken()
        for token in [user.token, admin] {
            let reply = get(target, application, token: token)
            guard case .wait(let start) = reply.continuation else { throw TestFailure("no page") }
            start(PendingResponse { _ in })
        }
        let (own, admins) = (subscriptions.all[0], subscriptions.all[1])
        #expect(own.source == .run(run) && own.reader == admins.reader && own.reader == EventReader(of: user.id))
        #expect(!own.permit.needsAdmin && admins.permit.needsAdmin)
    }

    /// A reader that has got the end of a run is told so, and an EventSource stops.
    @Test func nothingFollowsTheEndOfARun() throws {
        let (application, user) = try make()
        let run = try #require(
            try application.post("/flow-manager", .demoFlow, token: user.token)["execution_id"].stringValue)
        let target = "/api/executions/\(run)/events"
        func last(_ cursor: String) -> (String, String) { ("Last-Event-ID", cursor) }
        // Before the log begins it may have had events that were removed.
        #expect(get(target, application, token: user.token, [Self.stream, last("1-2-3e")]).continuation != nil)
        let (reader, connection) = (EventReader(of: user.id), application.connection)
        try EventLog.register([reader], on: connection)
        let start = try #require(try EventLog.registrations(of: [reader], on: connection)[reader]?.start)
        let end = EventCursor.end(start).text
        #expect(get(target, application, token: user.token, [Self.stream, last(end)]).initial.status == .noContent)
        let page = try application.get("\(target)?after=\(end)", token: user.token)
        #expect(page.status == 200 && page["items"] == [] && page["next_cursor"] == .string(end))
        // An end that is not the last event, because the run was resumed.
        try application.connection.execute(
            """
            INSERT INTO events (xid, user_id, execution_id, changes)
            VALUES (pg_current_xact_id(), \(user.id), \(run), '[]')
            """)
        #expect(get(target, application, token: user.token, [Self.stream, last(end)]).continuation != nil)
    }
}
