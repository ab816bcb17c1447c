import Crypto
import Glibc
import JSON
import Postgres
import TestSupport
import Testing

@testable import Flows

/// What commits of runs write to the event log, and what readers get of it.
@Suite struct EventLogTests {
    private let fixture: EngineFixture
    private var connection: Connection { fixture.connection }
    private static let reader = EventReader(of: RunnerFixture.userID)
    private static let all = EventSource.runs(.user(RunnerFixture.userID))

    init() throws { fixture = try EngineFixture() }

    /// A registration that is complete.
    private func register(_ reader: EventReader = Self.reader) throws -> EventRegistration {
        try EventLog.register([reader], on: connection)
        try settle()
        return try #require(try EventLog.registrations(of: [reader], on: connection)[reader])
    }

    /// Waits for all transactions of the server that are older than this moment: those of other tests are among them.
    private func settle() throws {
        let now = try connection.query("SELECT pg_current_xact_id()::text::bigint").only.decode(Int64.self)
        let deadline = ContinuousClock.now + .seconds(60)
        while try connection.query("SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint").only
            .decode(Int64.self) <= now
        {
            guard ContinuousClock.now < deadline else { throw TestFailure("a transaction stays open") }
            poll(nil, 0, 10)
        }
    }

    private func read(
        _ source: EventSource, after position: EventPosition, on other: Connection? = nil
    ) throws -> [(event: RunEvent, position: EventPosition)] {
        let (answers, _) = try EventLog.read([.init(source, after: position)], on: other ?? connection)
        #expect(answers.count == 1 && answers[0].isComplete)
        return answers[0].events
    }

    /// The events in a short form: `queued`, `1 success`.
    private func words(_ events: [RunEvent]) throws -> [String] {
        try events.map { event in
            let data = try JSON(parsing: event.data.bytes)
            let status = data["status"]?.stringValue ?? "?"
            return data["number"]?.integerValue.map { "\($0) \(status)" } ?? status
        }
    }

    private func words(_ source: EventSource, after position: EventPosition) throws -> [String] {
        try settle()
        return try words(try read(source, after: position).map(\.event))
    }

    @Test func nothingIsWrittenWithoutAReader() throws {
        let run = try fixture.enqueue(["pass"])
        try fixture.work()
        #expect(try fixture.find(run).status == .completed)
        #expect(try connection.query("SELECT FROM events").isEmpty)
        try EventLog.register([EventReader(of: UUIDv7.make())], on: connection)
        try connection.execute(
            "INSERT INTO event_readers VALUES (\(RunnerFixture.userID), '1', now() - interval '1 second')")
        _ = try fixture.enqueue(["pass"])
        try fixture.work()
        #expect(try connection.query("SELECT FROM events").isEmpty)
    }

    /// A crash of the server must not undo what was read: later events could have lower positions. The scheduler does
    /// not wait for the disk otherwise.
    @Test func aCommitWithAnEventWaitsForTheDisk() throws {
        let database = fixture.runner.database
        // That of the tests' server may be off.
        try database.connect().execute("ALTER DATABASE \(unsafeRaw: database.name) SET synchronous_commit = on")
        let session = database.connect()
        func setting() throws -> String {
            try session.transaction { session in
                try session.execute("SELECT set_config('synchronous_commit', 'off', true)")
                try session.execute(
                    "SELECT write_events(\(RunnerFixture.userID)::uuid, \(UUIDv7.make())::uuid, NULL, '[]'::json)")
                return try session.query("SELECT current_setting('synchronous_commit')").only.decode(String.self)
            }
        }
        #expect(try setting() == "off")
        _ = try register()
        #expect(try setting() == "on")
    }

    @Test func aRunIsToldFromItsStartToItsEnd() throws {
        let start = try register().start
        let run = try fixture.enqueue(["pass", "question"])
        try fixture.work()
        #expect(try words(.run(run.id), after: start) == ["queued", "1 success", "2 waiting", "waiting"])
        #expect(try fixture.signal(run, with: true))
        try fixture.work()
        let events = try read(.run(run.id), after: start)
        #expect(try words(events.map(\.event)).suffix(2) == ["2 success", "completed"])
        #expect(events.map(\.event.isEnd) == [false, false, false, false, false, true])
        #expect(try words(Self.all, after: start) == words(events.map(\.event)))
        let data = try JSON(parsing: try #require(events.last).event.data.bytes)
        #expect(data["execution_id"] == .string(run.id) && data["user_id"] == .string(RunnerFixture.userID))
        #expect(data["flow_name"] == .string(run.flowName) && data["error"] == .null)
        // A reader may stop after each event, and continues with the next one.
        for (index, event) in events.enumerated() {
            let rest = try words(.run(run.id), after: event.position)
            #expect(rest == (try words(events.dropFirst(index + 1).map(\.event))))
            guard case .position(let parsed)? = EventCursor(event.event.cursor.text.replacing("e", with: "")) else {
                Issue.record("no position: \(event.event.cursor.text)")
                continue
            }
            #expect(try words(.run(run.id), after: parsed) == rest)
        }
    }

    @Test func aRunOfACallIsToldInOneRow() throws {
        let start = try register().start
        let run = fixture.execution(["pass", "fail"])
        _ = try fixture.engine.run(run, fixture.plan(run), on: connection, with: nil)
        let events = try read(.run(run.id), after: start).map(\.event)
        #expect(try words(events) == ["1 success", "2 failure", "failed"])
        #expect(try JSON(parsing: events[2].data.bytes)["error"]?["code"] != nil)
        #expect(try connection.query("SELECT FROM events").count == 1)
    }

    @Test func interventionsAreTold() throws {
        let start = try register().start
        let run = try fixture.run(.waiting)
        #expect(try fixture.engine.cancel(try fixture.find(run), on: connection))
        #expect(try words(.run(run.id), after: start).suffix(2) == ["2 canceled", "canceled"])
        #expect(try fixture.engine.resume(try fixture.find(run), try fixture.plan(run), on: connection))
        #expect(try words(.run(run.id), after: start).last == "queued")
    }

    /// A transaction that began before a commit of the run, and changes the run after it.
    @Test func aRunIsToldInTheOrderOfItsCommits() throws {
        let start = try register().start
        let run = try fixture.enqueue(["pass", "question"])
        let other = fixture.runner.database.connectAsApplication()
        try other.begin()
        try other.execute("SELECT pg_current_xact_id()")
        try fixture.work()
        #expect(try fixture.engine.cancel(try fixture.find(run), on: other))
        // A third transaction keeps the horizon between the two.
        let third = fixture.runner.database.connectAsApplication()
        try third.begin()
        try third.execute("SELECT pg_current_xact_id()")
        try other.commit()
        let expected = ["queued", "1 success", "2 waiting", "waiting", "2 canceled", "canceled"]
        #expect(try words(try read(.run(run.id), after: start).map(\.event)) == expected)
        try third.commit()
        #expect(try words(.run(run.id), after: start) == expected)
        #expect(try words(Self.all, after: start) == expected)
    }

    /// A reader of several runs gets no event before one that may still be committed at an earlier position.
    @Test func nothingIsMissedOfARunThatIsCommittedLater() throws {
        let start = try register().start
        let slow = fixture.runner.database.connectAsApplication()
        let late = fixture.execution(["pass"])
        try slow.begin()
        try fixture.engine.enqueue(late, try fixture.plan(late), on: slow)
        _ = try fixture.enqueue(["pass"])
        #expect(try read(Self.all, after: start).isEmpty)
        try slow.commit()
        #expect(try words(Self.all, after: start) == ["queued", "queued"])
    }

    /// A transaction that was begun before the registration and has not written an event.
    @Test func theRegistrationIsCompleteAfterThoseThatDoNotKnowOfIt() throws {
        let early = fixture.runner.database.connectAsApplication()
        let run = fixture.execution(["pass"])
        try early.begin()
        try fixture.engine.enqueue(run, try fixture.plan(run), on: early)
        try EventLog.register([Self.reader], on: connection)
        let incomplete = try EventLog.registrations(of: [Self.reader], on: connection)
        #expect(incomplete[Self.reader]?.isComplete == false)
        try early.commit()
        let registration = try register()
        #expect(registration.isComplete)
        #expect(try words(.run(run.id), after: registration.start).isEmpty)
        #expect(try EventLog.register([Self.reader], on: connection) >= registration.since)
        #expect(try register().since == registration.since, "a renewal leaves no gap")
    }

    @Test func theRecordContinuesInTheLog() throws {
        let early = try fixture.run(.waiting)
        let start = try register().start
        let first = try #require(
            try EventLog.record(of: early.id, beyond: StepsSeen(), from: start, on: connection))
        #expect(try words(first.events) == ["1 success", "2 waiting", "waiting"])
        // Whoever has got a part of it gets the rest.
        for (index, event) in first.events.dropLast().enumerated() {
            guard case .steps(let seen)? = EventCursor(event.cursor.text) else { throw TestFailure("no steps") }
            let rest = try #require(try EventLog.record(of: early.id, beyond: seen, from: start, on: connection))
            #expect(try words(rest.events) == words(Array(first.events.dropFirst(index + 1))))
        }
        guard case .position(let position) = first.next else { throw TestFailure("no position") }
        #expect(try words(.run(early.id), after: position).isEmpty)
        #expect(try fixture.signal(early, with: true))
        try fixture.work()
        #expect(try words(.run(early.id), after: position) == ["2 success", "completed"])
        let ended = try #require(
            try EventLog.record(of: early.id, beyond: StepsSeen(), from: start, on: connection))
        #expect(try words(ended.events) == ["1 success", "2 success", "completed"])
        #expect(ended.events.map(\.isEnd) == [false, false, true])
        guard case .end(let end) = ended.next else { throw TestFailure("no end") }
        #expect(try EventLog.isLast(end, of: early.id, for: Self.reader, on: connection))
        #expect(try !EventLog.isLast(position, of: early.id, for: Self.reader, on: connection))
        // The log of a reader who has come since does not say what was before.
        let missing = EventPosition(transaction: 1, row: 0, index: 0, isEndOfRow: true)
        #expect(try !EventLog.isLast(missing, of: early.id, for: Self.reader, on: connection))
        try connection.execute("UPDATE event_readers SET expires_at = now()")
        #expect(try !EventLog.isLast(end, of: early.id, for: Self.reader, on: connection))
    }

    @Test func aLongRecordIsReadInParts() throws {
        let count = EventLog.stepsPerRead + 1
        let run = try fixture.enqueue(Array(repeating: "pass", count: count))
        try fixture.work()
        let start = try register().start
        let first = try #require(try EventLog.record(of: run.id, beyond: StepsSeen(), from: start, on: connection))
        #expect(first.events.count == EventLog.stepsPerRead)
        guard case .steps(let seen) = first.next else { throw TestFailure("no steps") }
        let second = try #require(try EventLog.record(of: run.id, beyond: seen, from: start, on: connection))
        #expect(try words(second.events) == ["\(count) success", "completed"])
        #expect(try EventLog.record(of: UUIDv7.make(), beyond: seen, from: start, on: connection) == nil)
    }

    @Test func removedEventsAndOtherServersAreNotCovered() throws {
        let start = try register().start
        for _ in 0..<3 { _ = try fixture.enqueue(["pass"]) }
        try settle()
        let events = try read(Self.all, after: start)
        try fixture.runner.database.connect().execute(
            """
            UPDATE events SET created_at = now() - interval '2 hours'
            WHERE id <= (SELECT min(id) + 1 FROM events)
            """)
        #expect(try EventLog.prune(batch: 2, on: connection), "there may be more")
        #expect(try !EventLog.prune(batch: 2, on: connection))
        #expect(try connection.query("SELECT FROM events").count == 1)
        let registration = try register()
        #expect(!registration.covers(.position(start)) && !registration.covers(events[1].event.cursor))
        #expect(registration.covers(events[2].event.cursor))
        #expect(!registration.covers(.position(EventPosition(before: .max))))
        #expect(registration.covers(.steps(StepsSeen())))
    }

    /// A registration that has expired, or nearly so, leaves a gap.
    @Test func anExpiredRegistrationBeginsAgain() throws {
        let first = try register()
        try connection.execute("UPDATE event_readers SET expires_at = now() + interval '1 minute'")
        let second = try register()
        #expect(second.since > first.since && !second.covers(.position(first.start)))
    }

    @Test func keysAndAdminsReadWhatTheyMaySee() throws {
        let key = UUIDv7.make()
        let all = EventReader(of: .all)
        let start = try register(all).start
        let own = Execution(
            id: UUIDv7.make(), userID: RunnerFixture.userID, flow: FlowText.chain(["pass"]), input: [:],
            starter: Starter(userID: nil, keyID: key))
        try fixture.engine.enqueue(own, try fixture.plan(own), on: connection)
        _ = try fixture.enqueue(["pass"])
        try fixture.work()
        try settle()
        func runs(_ visibility: Visibility) throws -> Int {
            let events = try read(.runs(visibility), after: start)
            return try Set(events.map { try JSON(parsing: $0.event.data.bytes)["execution_id"] }).count
        }
        #expect(try runs(.all) == 2 && runs(.user(RunnerFixture.userID)) == 2)
        #expect(try runs(.key(key, of: nil)) == 1 && runs(.key(key, of: RunnerFixture.userID)) == 1)
        #expect(try runs(.key(UUIDv7.make(), of: nil)) == 0 && runs(.user(UUIDv7.make())) == 0)
        #expect(EventReader(of: .key(key, of: nil)) == all && EventReader(of: .user(own.userID)) == Self.reader)
        let last = try #require(try read(.runs(.all), after: start).last)
        #expect(try EventLog.latest(of: .all, on: connection) == last.position)
        #expect(try EventLog.latest(of: .user(UUIDv7.make()), on: connection) == nil)
    }

    /// Rows may be large: a commit has up to 256 steps, with messages of errors.
    @Test func largeEventsAreReadInParts() throws {
        let start = try register().start
        let text = JSON([["step": ["number": 1, "task": .string(String(repeating: "x", count: 100_000))]]])
        for _ in 0..<8 {
            try connection.execute(
                "SELECT write_events(\(RunnerFixture.userID)::uuid, uuid_v7(), NULL, \(text)::json)")
        }
        try settle()
        let requests = Array(repeating: EventLog.Request(Self.all, after: start), count: 20)
        let (answers, _) = try EventLog.read(requests, on: connection)
        // The third row exceeds the limit of a reader, and that of the seventh reader the limit of all.
        #expect(answers.map(\.events.count) == Array(repeating: 3, count: 7) + Array(repeating: 0, count: 13))
        #expect(answers.allSatisfy { !$0.isComplete })
        var (position, count) = (start, 0)
        while let last = try EventLog.read([.init(Self.all, after: position)], on: connection).answers[0].events.last {
            (position, count) = (last.position, count + 1)
        }
        #expect(count == 3, "reads of three, three and two rows")
    }

    /// A dump of a server that has had more transactions.
    @Test func aRestoredLogBeginsAgain() throws {
        _ = try register()
        let run = UUIDv7.make()
        let later: SQL = "(pg_current_xact_id()::text::bigint + 1000000000)::text::xid8"
        try connection.execute("UPDATE event_readers SET since = \(later)")
        try connection.execute(
            """
            INSERT INTO events (xid, user_id, execution_id, changes)
            VALUES (\(later), \(RunnerFixture.userID), \(run), '[{"step":{"number":1}}]')
            """)
        try connection.execute(
            #"SELECT write_events(\#(RunnerFixture.userID)::uuid, \#(run), NULL, '[{"step":{"number":2}}]')"#)
        let registration = try register()
        #expect(registration.isComplete)
        #expect(try words(.run(run), after: EventPosition(before: 0)) == ["2 ?"], "with the id of its transaction")
    }

    /// If there is more than one read takes, each reader gets a part, and the next read continues.
    @Test func manyEventsAreReadInParts() throws {
        let start = try register().start
        try connection.execute(
            """
            INSERT INTO events (xid, user_id, execution_id, changes)
            SELECT pg_current_xact_id(), \(RunnerFixture.userID), uuid_v7(), '[{"step":{"number":1}}]'
            FROM generate_series(1, \(EventLog.rowsPerReader + 10))
            """)
        try settle()
        let requests = Array(repeating: EventLog.Request(Self.all, after: start), count: 30)
        let (answers, _) = try EventLog.read(requests, on: connection)
        let full = EventLog.rowsPerRead / EventLog.rowsPerReader
        #expect(answers.prefix(full).allSatisfy { $0.events.count == EventLog.rowsPerReader && !$0.isComplete })
        #expect(answers.dropFirst(full).allSatisfy { $0.events.isEmpty && !$0.isComplete })
        let position = try #require(answers[0].events.last).position
        #expect(try read(Self.all, after: position).count == 10)
    }

    @Test(arguments: [
        "", "1", "1-2", "1-2-3-4", "-1-2-3", "1-2-x", "s", "s1x", "sr1", "s1r", "99999999999999999999-1-1",
    ]) func otherTextsAreNoCursors(text: String) { #expect(EventCursor(text) == nil) }

    @Test(arguments: ["1-2-3", "0-0-0", "1-2-3e", "s0", "s12", "s12r1", "s12w3"])
    func cursorsAreReadAsTheyAreWritten(text: String) { #expect(EventCursor(text)?.text == text) }
}
