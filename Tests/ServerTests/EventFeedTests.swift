import App
import Flows
import Glibc
import HTTP
import JSON
import Postgres
import Synchronization
import System
import TestSupport
import Testing

@testable import App
@testable import Flows
@testable import flow_manager

/// What the calls of a process get that read events.
@Suite struct EventFeedTests {
    private let database: TestDatabase
    private let connection: Connection
    private let observations = Recording<Observation>()
    private static let userID = "00000000-0000-7000-8000-000000000001"
    private static let run = "00000000-0000-7000-8000-0000000000ee"

    init() throws {
        database = try TestDatabase.make()
        connection = database.connectAsApplication()
        try connection.execute("INSERT INTO users (id, username) VALUES (\(Self.userID), 'ann')")
        try connection.execute(
            """
            INSERT INTO executions (id, user_id, flow, flow_id, flow_name, input, status, created_at)
            VALUES (\(Self.run), \(Self.userID), '{}', 'f', 'F', '{}', 'running', now())
            """)
    }

    /// A client of a stream, which takes only so many bytes.
    private final class Client: Sendable {
        private struct State {
            var text: [UInt8] = []
            var room: Int
            var isEnded: Bool?
        }

        private let state: Mutex<State>

        init(room: Int = .max) { state = Mutex(State(room: room)) }

        var stream: EventStream {
            EventStream(
                over: .init(
                    write: { bytes in
                        self.state.withLock {
                            $0.text += bytes
                            return true
                        }
                    }, end: { isComplete in self.state.withLock { $0.isEnded = isComplete } },
                    backlog: { self.state.withLock { max(0, $0.text.count - $0.room) } }))
        }

        func take(_ bytes: Int) { state.withLock { $0.room += bytes } }

        /// Whether the stream has ended, and completely; nil: it is open.
        var isEnded: Bool? { state.withLock(\.isEnded) }

        /// The fields of each event.
        var events: [[String: String]] {
            let text = String(decoding: state.withLock(\.text), as: UTF8.self)
            return text.components("\n\n").map { event in
                Dictionary(
                    event.components("\n").compactMap { line in
                        let field = line.components(": ")
                        return field.count < 2 ? nil : (field[0], field.dropFirst().joined(separator: ": "))
                    }, uniquingKeysWith: { one, _ in one })
            }.filter { !$0.isEmpty }
        }

        var names: [String] { events.compactMap { $0["event"] } }
        var ids: [String] { events.compactMap { $0["event"] == nil ? nil : $0["id"] } }
    }

    private func makeRound() -> EventRound {
        let observations = observations
        return EventRound(database.connectAsApplication()) { observations.add($0) }
    }

    private func subscription(
        _ source: EventSource = .run(Self.run), from cursor: String? = nil, permit: EventPermit? = nil,
        to sink: EventSubscription.Sink
    ) throws -> EventSubscription {
        EventSubscription(
            source: source, reader: EventReader(of: Self.userID),
            cursor: try cursor.map { try #require(EventCursor($0)) },
            permit: try permit ?? Self.permit(), sink: sink)
    }

    private static func permit(session: String? = nil, expires: Int64? = nil) throws -> EventPermit {
        EventPermit(userID: userID, sessionID: session, keyID: nil, needsAdmin: false, expires: expires)
    }

    /// Commits a change of a run, as the engine does.
    private func write(_ changes: JSON, of run: String = Self.run) throws {
        try connection.execute(
            "SELECT pg_current_xact_id(), write_events(\(Self.userID)::uuid, \(run)::uuid, NULL, \(changes)::json)")
    }

    private func step(_ number: Int, text: String = "") -> JSON {
        [["step": ["number": JSON(number), "status": "success", "task": .string(text)]]]
    }

    private static let end: JSON = [["execution": ["status": "completed"]]]

    /// The round in which events are due.
    private func wait(_ round: inout EventRound) { round.run(with: [], at: round.next ?? .now) }

    /// Rounds until the condition holds: events wait for older transactions of the server, those of other tests too.
    private func wait(_ round: inout EventRound, until condition: () -> Bool) throws {
        let deadline = ContinuousClock.now + .seconds(60)
        while !condition() {
            guard ContinuousClock.now < deadline else { throw TestFailure("not within a minute") }
            poll(nil, 0, 10)
            wait(&round)
        }
    }

    @Test func aStreamOfARunBeginsWithItsRecordAndEndsWithIt() throws {
        var round = makeRound()
        let client = Client()
        round.run(with: [try subscription(to: .stream(client.stream))])
        try wait(&round) { client.names == ["execution"] }
        try write(step(1))
        try write(step(2))
        try wait(&round) { client.names == ["execution", "step", "step"] }
        #expect(client.isEnded == nil)
        try write(Self.end)
        try wait(&round) { client.isEnded != nil }
        #expect(client.names.last == "execution" && client.isEnded == true && round.next == nil)
        #expect(client.ids.last?.hasSuffix("e") == true)
        // From each of them on, the rest follows.
        for (index, id) in client.ids.dropLast().enumerated() {
            let other = Client()
            var later = makeRound()
            later.run(with: [try subscription(from: id, to: .stream(other.stream))])
            try wait(&later) { other.isEnded != nil }
            #expect(other.ids == Array(client.ids.dropFirst(index + 1)), "\(id)")
            #expect(other.isEnded == true)
        }
    }

    /// The end of a run that the log does not have, because its position is too old, or was written by an earlier
    /// release.
    @Test func anEndThatIsNotInTheLogComesFromTheRecord() throws {
        var round = makeRound()
        let client = Client()
        round.run(with: [try subscription(to: .stream(client.stream))])
        try wait(&round) { !client.ids.isEmpty }
        try connection.execute("UPDATE executions SET status = 'failed', finished_at = now() WHERE id = \(Self.run)")
        let id = try #require(client.ids.last)
        let other = Client()
        var later = makeRound()
        later.run(with: [try subscription(from: id, to: .stream(other.stream))])
        try wait(&later) { other.isEnded != nil }
        #expect(other.names == ["execution"] && other.isEnded == true)
        #expect(other.events[0]["data"]?.contains(#""status":"failed""#) == true)
    }

    @Test func allRunsAreReadFromNowOn() throws {
        var round = makeRound()
        let (first, second) = (Client(), Client())
        let source = EventSource.runs(.user(Self.userID))
        round.run(with: [try subscription(source, to: .stream(first.stream))])
        try wait(&round) { !first.events.isEmpty }
        try write(step(1))
        try wait(&round) { first.names == ["step"] }
        round.run(with: [try subscription(source, to: .stream(second.stream))])
        try wait(&round) { !second.events.isEmpty }
        try write(Self.end)
        try wait(&round) { first.names.count == 2 && !second.names.isEmpty }
        #expect(first.names == ["step", "execution"] && second.names == ["execution"])
        #expect(first.isEnded == nil, "the end of a run is not that of the stream")
        #expect(first.ids.last == second.ids.last)
        // A reader without events gets the position, too.
        #expect(second.events.first?["event"] == nil && second.events.first?["id"] != nil)
    }

    @Test func aPositionThatIsNotCoveredIsReset() throws {
        for (source, expected) in [
            (EventSource.run(Self.run), ["reset", "execution"]), (.runs(.user(Self.userID)), ["reset"]),
        ] {
            for cursor in ["1-1-0", "999999999999-1-0"] {
                var round = makeRound()
                let client = Client()
                round.run(with: [try subscription(source, from: cursor, to: .stream(client.stream))])
                try wait(&round) { client.names.count == expected.count }
                #expect(client.names == expected, "\(cursor)")
            }
        }
    }

    /// The database could not be asked for so long that events may not have been written.
    @Test func aReaderIsResetAfterALongOutage() throws {
        for (source, expected) in [
            (EventSource.run(Self.run), ["execution", "reset", "execution"]), (.runs(.user(Self.userID)), ["reset"]),
        ] {
            var round = makeRound()
            let client = Client()
            round.run(with: [try subscription(source, to: .stream(client.stream))])
            try wait(&round) { !client.events.isEmpty }
            let later = Monotonic.now + .seconds(3_400)
            round.run(with: [], at: later)
            try wait(&round) { client.names.count == expected.count }
            #expect(client.names == expected)
        }
    }

    /// What a slow client has not taken waits in the log, not in this process.
    @Test func aSlowClientGetsTheRestLaterOrIsDisconnected() throws {
        var round = makeRound()
        let (slow, quick) = (Client(room: 0), Client())
        round.run(with: [try subscription(to: .stream(slow.stream)), try subscription(to: .stream(quick.stream))])
        try wait(&round) { !slow.names.isEmpty && !quick.names.isEmpty }
        let text = String(repeating: "x", count: 10_000)
        for number in 1...20 { try write(step(number, text: text)) }
        try wait(&round) { quick.names.count == 21 }
        #expect(slow.names.count < 12)
        slow.take(1_000_000)
        try wait(&round) { slow.names.count == 21 }
        #expect(slow.ids == quick.ids, "without loss and repetition")
        slow.take(-2_000_000)
        for number in 21...40 { try write(step(number, text: text)) }
        try wait(&round) { quick.names.count == 41 }
        #expect(slow.isEnded == nil)
        let limit = EventRecipient.timeout
        let early = limit - Duration.seconds(1)
        var recipient = EventRecipient(try subscription(to: .stream(slow.stream)), at: .now)
        recipient.stage = .following(EventPosition(before: 1))
        let now = Monotonic.now
        let event = RunEvent.reset(.steps(StepsSeen()))
        _ = recipient.receive([(event, event.streamText, EventPosition?.none)], at: now)
        #expect(!recipient.finish(at: now) && !recipient.finish(at: now + early))
        #expect(recipient.finish(at: now + limit) && slow.isEnded == false && recipient.isOver)
    }

    @Test func pagesAreAnsweredWithTheFirstEventsOrAtTheDeadline() throws {
        var round = makeRound()
        let answers = Recording<EventPage?>()
        func page(_ wait: Duration, from cursor: String?) throws -> EventSubscription {
            let pending = PendingResponse { _ in }
            return try subscription(
                from: cursor,
                to: .page(
                    pending, deadline: .now + wait,
                    answer: { page in
                        answers.add(page)
                        return .noContent
                    }))
        }
        // It is answered with the first event, which waits for older transactions of the server.
        round.run(with: [try page(.seconds(60), from: nil)])
        try wait(&round) { !answers.all.isEmpty }
        let first = try #require(answers.take().first ?? nil)
        #expect(first.events.map(\.name) == [.execution])
        let next = try #require(first.next?.text)
        round.run(with: [try page(.zero, from: next)])
        let empty = try #require(answers.take().first ?? nil)
        #expect(empty.events.isEmpty && empty.next != nil)
        round.run(with: [try page(.seconds(60), from: empty.next?.text)])
        #expect(answers.all.isEmpty)
        try write(step(1))
        try wait(&round) { !answers.all.isEmpty }
        let second = try #require(answers.take().first ?? nil)
        #expect(second.events.map(\.name) == [.step])
        // A page has a limit, and the next one continues.
        try write(.array((2...(EventPage.limit + 5)).map { self.step($0).arrayValue?[0] ?? .null }))
        round.run(with: [try page(.zero, from: second.next?.text)])
        let full = try #require(answers.take().first ?? nil)
        #expect(full.events.count == EventPage.limit)
        round.run(with: [try page(.zero, from: full.next?.text)])
        #expect(try #require(answers.take().first ?? nil).events.count == 4)
    }

    @Test func aStreamEndsWithWhatPermitsIt() throws {
        let session = "00000000-0000-7000-8000-0000000000aa"
        try connection.execute(
            """
            INSERT INTO sessions (id, user_id, expires_at, address, agent)
            VALUES (\(session), \(Self.userID), now() + interval '1 day', '', '')
            """)
        let permit = try Self.permit(session: session)
        #expect(try EventPermit.valid(among: [permit, try Self.permit()], on: connection).count == 2)
        try connection.execute("UPDATE sessions SET ended_at = now()")
        #expect(try EventPermit.valid(among: [permit], on: connection).isEmpty)
        var round = makeRound()
        let (revoked, expired, valid) = (Client(), Client(), Client())
        round.run(with: [
            try subscription(permit: permit, to: .stream(revoked.stream)),
            try subscription(permit: try Self.permit(expires: WallClock.seconds), to: .stream(expired.stream)),
            try subscription(to: .stream(valid.stream)),
        ])
        #expect(revoked.isEnded == true && expired.isEnded == true && valid.isEnded == nil)
        try connection.execute("UPDATE users SET disabled_at = now()")
        #expect(try EventPermit.valid(among: [try Self.permit()], on: connection).isEmpty)
    }

    @Test func theStreamOfADeletedRunEnds() throws {
        try connection.execute("DELETE FROM executions")
        var round = makeRound()
        let client = Client()
        round.run(with: [try subscription(to: .stream(client.stream))])
        try wait(&round) { client.isEnded != nil }
        #expect(client.isEnded == true && client.names.isEmpty)
    }

    /// Calls at the same position share what is read: the number of statements does not depend on their number.
    @Test func aRecordThatCannotBeReadEndsItsOwnCallsOnly() throws {
        let broken = "00000000-0000-7000-8000-0000000000ff"
        try connection.execute(
            """
            INSERT INTO executions (id, user_id, flow, flow_id, flow_name, input, status, created_at, finished_at)
            VALUES (\(broken), \(Self.userID), '{}', 'f', 'F', '{}', 'failed', now(), 'infinity')
            """)
        var round = makeRound()
        let (client, other) = (Client(), Client())
        round.run(with: [
            try subscription(.run(broken), to: .stream(client.stream)), try subscription(to: .stream(other.stream)),
        ])
        try wait(&round) { client.isEnded != nil && other.names == ["execution"] }
        #expect(client.isEnded == false && client.names == [])
        try write(step(1))
        try wait(&round) { other.names == ["execution", "step"] }
        let failures = observations.all.count { if case .eventsUnavailable = $0 { true } else { false } }
        #expect(failures == 1)
    }

    @Test func manyCallsCostAsMuchAsOne() throws {
        let trips = Recording<Void>()
        var configuration = database.connectAsApplication().configuration
        configuration.observe = { if case .roundTrip = $0 { trips.add(()) } }
        var round = EventRound(Connection(configuration)) { _ in }
        let clients = (0..<100).map { _ in Client() }
        round.run(with: try clients.map { try subscription(to: .stream($0.stream)) })
        try wait(&round) { clients.allSatisfy { $0.names == ["execution"] } }
        wait(&round)
        for number in 1...10 {
            try write(step(number))
            _ = trips.take()
            wait(&round)
            #expect(clients.allSatisfy { $0.names.count == number + 1 })
            #expect(trips.all.count <= 3)
        }
    }

    /// The gauge of open streams follows them, also to the end of the thread.
    @Test func openStreamsAreCounted() throws {
        var round = makeRound()
        let clients = [Client(), Client()]
        let streams = clients.map(\.stream)
        round.run(with: try streams.map { try subscription(to: .stream($0)) })
        streams[0].disconnect()
        wait(&round)
        round.leave()
        let changes = observations.all.compactMap { if case .eventStreams(let change) = $0 { change } else { nil } }
        #expect(changes == [2, -1, -1])
    }
}

extension String {
    fileprivate func components(_ separator: String) -> [String] {
        var parts: [String] = []
        var rest = self[...]
        while let range = rest.firstRange(of: separator) {
            parts.append(String(rest[..<range.lowerBound]))
            rest = rest[range.upperBound...]
        }
        return parts + [String(rest)]
    }
}
