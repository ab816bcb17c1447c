import JSON
import Postgres
import Synchronization
import TestSupport
import Testing

@testable import Flows

/// Runs from the queue, as workers take them.
@Suite struct QueueTests {
    private let place: RunnerPlace
    private var connection: Connection { place.connection }
    private static let lease = "00000000-0000-4000-8000-00000000000"

    init() throws { place = try RunnerPlace() }

    private func enqueue(_ flow: JSON, input: JSON = [:]) throws {
        let execution = Execution(id: RunnerPlace.executionID, userID: RunnerPlace.userID, flow: flow, input: input)
        var reader = FlowReader(catalog: .plain)
        let free = reader.read(FlowText.chain(["pass"]))
        let read = try #require(free)
        let budget = Budget(for: read, at: try PriceList(on: connection))
        try connection.transaction { connection in
            _ = try connection.pipeline(Queue.enqueue(execution, budget: budget, maxConcurrentRuns: nil))
        }
    }

    private func claim(_ number: Int = 1, on other: Connection? = nil) throws -> Claim? {
        try Queue.claim(lease: "\(Self.lease)\(number)", maxConcurrentRuns: nil, on: other ?? connection)
    }

    private func engine(_ tasks: [TestTask] = []) -> Engine {
        let plain = TaskCatalog.plain.tasks.filter { $0.type != "keep" }
        let keep = TestTask("keep", effect: .transactional, body: RunnerPlace.keep)
        return Engine(catalog: TaskCatalog(plain + [keep] + tasks), maxConcurrentRuns: nil)
    }

    private func lapse() throws {
        try place.database.connect().execute("UPDATE queue SET lease_until = now() - interval '1 second'")
    }

    private func due() throws {
        try place.database.connect().execute("UPDATE queue SET available_at = now() WHERE lease IS NULL")
    }

    @Test func oneOfTwoTakesARun() throws {
        try enqueue(FlowText.chain(["pass"]))
        let other = place.database.connectAsApplication()
        try other.begin()
        let first = try claim(1, on: other)
        #expect(first?.execution.id == RunnerPlace.executionID && first?.claims == 1)
        #expect(try claim(2) == nil, "while the other one has not committed")
        try other.commit()
        #expect(try claim(2) == nil)
        #expect(try Queue.renew([RunnerPlace.executionID: "\(Self.lease)1"], on: connection).count == 1)
        #expect(try Queue.renew([RunnerPlace.executionID: "\(Self.lease)2"], on: connection).isEmpty)
    }

    @Test func whatWasGivenBackIsTakenAgain() throws {
        try enqueue(FlowText.chain(["pass"]))
        let first = try #require(try claim(1))
        try Queue.release(first, isUnstarted: true, on: connection)
        let second = try #require(try claim(2))
        #expect(second.claims == 1, "it does not count")
        try Queue.release(first, isUnstarted: false, on: connection)
        #expect(try claim(3) == nil, "nobody gives back what is another one's")
        try Queue.release(second, after: .seconds(60), isUnstarted: false, on: connection)
        #expect(try claim(3) == nil)
        try due()
        #expect(try claim(3)?.claims == 2)
    }

    @Test func aLeaseThatRanOutIsNoLease() throws {
        try enqueue(FlowText.chain(["keep"]))
        let first = try #require(try claim(1))
        #expect(try Queue.rescue(on: connection) == 0)
        try lapse()
        #expect(try Queue.rescue(on: connection) == 1)
        let second = try #require(try claim(2))
        guard
            case .lost = try engine().execute(first, on: connection, Cancellation())
        else {
            Issue.record("the first one went on")
            return
        }
        #expect(try place.committed().documents == [])
        guard
            case .ended = try engine().execute(second, on: connection, Cancellation())
        else {
            Issue.record("the second one did not")
            return
        }
        #expect(try place.committed().documents == ["1"])
        #expect(try place.committed().status == "completed")
    }

    /// The sixth time that a run was taken without getting on, nobody tries it any more.
    @Test func whatEndsItsWorkersIsGivenUp() throws {
        try enqueue(FlowText.chain(["pass"]))
        for number in 1...5 {
            #expect(try claim(number)?.claims == number)
            try lapse()
            #expect(try Queue.rescue(on: connection) == 1)
        }
        let last = try #require(try claim(6))
        guard
            case .ended = try engine().execute(last, on: connection, Cancellation())
        else {
            Issue.record("it is not over")
            return
        }
        let found = try Execution.find(RunnerPlace.executionID, of: RunnerPlace.userID, on: connection)?.execution
        #expect(found?.status == .failed && found?.failure?.code == "dead_letter")
        #expect(try claim(7) == nil)
    }

    /// Others were faster to use the credits that a step found there.
    @Test func whatCannotBePaidAtItsCommitHasFailed() throws {
        struct Overdraft: WaitingTask {
            let type = "overdraft"
            let summary = "Holds more than there is"
            let input = JSONSchema.any
            let output = JSONSchema.any

            func advance(_ input: JSON, in context: TaskContext) -> Progress {
                let hold = Ledger.hold(5, of: context.userID, execution: context.executionID)
                return .wait(until: .woken, storing: .null, together: [hold])
            }
        }
        try enqueue(FlowText.chain(["pass", "overdraft"]))
        let claim = try #require(try claim())
        let catalog = TaskCatalog(TaskCatalog.plain.tasks + [Overdraft()])
        let work = try Engine(catalog: catalog, maxConcurrentRuns: nil).execute(claim, on: connection, Cancellation())
        guard case .ended = work else { Issue.record("\(work)"); return }
        let found = try Execution.find(RunnerPlace.executionID, of: RunnerPlace.userID, on: connection)?.execution
        #expect(found?.status == .failed && found?.failure == .insufficientCredits)
    }

    /// A worker of another release may know what this one does not.
    @Test func whatThisReleaseCannotReadIsLeftToOthersFirst() throws {
        try enqueue(FlowText.chain(["unheard of"]))
        for number in 1...5 {
            let claim = try #require(try claim(number))
            let work = try engine().execute(claim, on: connection, Cancellation())
            if number < 5 { guard case .postponed = work else { Issue.record("not left"); return } }
            try due()
        }
        let found = try Execution.find(RunnerPlace.executionID, of: RunnerPlace.userID, on: connection)?.execution
        #expect(found?.status == .failed && found?.failure?.code == "flow_invalid")
    }

    /// A worker that was idle has plans for an empty queue when much comes at once.
    @Test func aLongQueueIsNotWalkedThrough() throws {
        let owner = place.database.connect()
        // Not through a pooler: what the session has read is asked for below.
        let connection = place.database.connect()
        try owner.execute("VACUUM ANALYZE queue")
        #expect(try claim(on: connection) == nil)
        func runOne() throws {
            try enqueue(FlowText.chain(["pass"]))
            let claim = try #require(try claim(on: connection))
            #expect(try Queue.renew([claim.execution.id: claim.lease], on: connection) == [claim.lease])
            #expect(try Queue.rescue(on: connection) == 0)
            _ = try engine().execute(claim, on: connection, Cancellation())
            try connection.execute("SELECT pg_stat_force_next_flush()")
            try owner.execute("DELETE FROM executions")
            try owner.execute("DELETE FROM steps")
        }
        func read() throws -> Int {
            try owner.query(
                "SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_user_tables WHERE relname = 'queue'"
            ).only.decode(Int.self)
        }
        try runOne()
        try owner.execute(
            """
            INSERT INTO queue (execution_id, user_id, state, available_at)
            SELECT gen_random_uuid(), \(RunnerPlace.userID), 'waiting', 'infinity' FROM generate_series(1, 3000)
            """)
        let before = try read()
        try runOne()
        let rows = try read() - before
        #expect((1..<100).contains(rows))
    }

    @Test func whatIsDueWithinASecondIsForeseen() throws {
        #expect(try Queue.nextDue(on: connection) == nil)
        try enqueue(FlowText.chain(["pass"]))
        let owner = place.database.connect()
        try owner.execute("UPDATE queue SET available_at = clock_timestamp() - interval '1 second'")
        #expect(try Queue.nextDue(on: connection) == nil, "it has been due for long")
        try owner.execute("UPDATE queue SET available_at = clock_timestamp() + interval '900 milliseconds'")
        let next = try #require(try Queue.nextDue(on: connection))
        #expect(next > .zero && next <= .milliseconds(900))
        try owner.execute("UPDATE queue SET available_at = 'infinity'")
        #expect(try Queue.nextDue(on: connection) == nil)
    }

    /// That it begins is on record before; whoever does it again does it with the same key.
    @Test func anEffectElsewhereIsAnnounced() throws {
        struct Crash: Error {}
        let database = place.database
        let keys = Keys()
        let send = TestTask("send", effect: .external) { _, context in
            let seen = try database.connect().query("SELECT status, attempt FROM steps WHERE seq = 2").only
            let (status, attempt) = try seen.decode(String.self, Int.self)
            #expect(status == "running" && attempt == context.attempt)
            keys.append(context.idempotencyKey)
            if keys.count == 1 { throw Crash() }
            return "sent"
        }
        try enqueue(FlowText.chain(["keep", "send", "pass"]))
        let first = try #require(try claim(1))
        guard
            case .postponed = try engine([send]).execute(first, on: connection, Cancellation())
        else {
            Issue.record("a crash is no end")
            return
        }
        try due()
        let second = try #require(try claim(2))
        guard
            case .ended = try engine([send]).execute(second, on: connection, Cancellation())
        else {
            Issue.record("it did not go on")
            return
        }
        #expect(keys.all == Array(repeating: "\(RunnerPlace.executionID)-2", count: 2))
        let found = try Execution.find(RunnerPlace.executionID, of: RunnerPlace.userID, on: connection)?.execution
        #expect(found?.status == .completed && found?.result == "sent")
        #expect(found?.steps.map(\.attempt) == [1, 2, 1])
        #expect(try place.committed().documents == ["1"])
    }

    /// A canceled run's step is told, and what it did is not on record.
    @Test func aCanceledRunIsLost() throws {
        try enqueue(FlowText.chain(["keep"]))
        let claim = try #require(try claim())
        let cancellation = Cancellation()
        cancellation.request()
        guard
            case .lost = try engine().execute(claim, on: connection, cancellation)
        else {
            Issue.record("it went on")
            return
        }
        #expect(try place.committed().documents == [])
    }
}

/// What a task of a test was called with.
private final class Keys: Sendable {
    private let keys = Mutex<[String]>([])

    var all: [String] { keys.withLock { $0 } }
    var count: Int { all.count }

    func append(_ key: String) { keys.withLock { $0.append(key) } }
}
