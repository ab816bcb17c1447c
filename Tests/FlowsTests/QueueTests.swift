import JSON
import Postgres
import Synchronization
import TestSupport
import Testing

@testable import Flows

/// Claims and leases of queued runs.
@Suite struct QueueTests {
    private let fixture: RunnerFixture
    private var connection: Connection { fixture.connection }
    private static let lease = "00000000-0000-4000-8000-00000000000"

    init() throws { fixture = try RunnerFixture() }

    private func enqueue(_ flow: JSON, input: JSON = [:]) throws {
        let execution = Execution(id: RunnerFixture.executionID, userID: RunnerFixture.userID, flow: flow, input: input)
        var reader = FlowReader(catalog: .plain)
        let plain = reader.read(FlowText.chain(["pass"]))
        let read = try #require(plain)
        let budget = Budget(for: read, at: try PriceList(on: connection))
        try connection.transaction { connection in
            _ = try connection.pipeline(Queue.enqueue([execution], budget: budget, counting: .unlimited))
        }
    }

    /// The id of the run says that it is from 1970.
    private static let lifetime = RunLifetime(days: 100_000)

    private func claim(_ number: Int = 1, on other: Connection? = nil) throws -> Claim? {
        try Queue.claim(
            lease: "\(Self.lease)\(number)", after: RunnerFixture.userID, maxConcurrentRuns: nil,
            within: Self.lifetime, on: other ?? connection)
    }

    private func engine(_ tasks: [TestTask] = []) -> Engine {
        let plain = TaskCatalog.plain.tasks.filter { $0.type != "keep" }
        let keep = TestTask("keep", effect: .transactional, body: RunnerFixture.keep)
        return Engine(catalog: TaskCatalog(plain + [keep] + tasks))
    }

    private func expireLeases() throws {
        try fixture.database.connect().execute("UPDATE queue SET lease_until = now() - interval '1 second'")
    }

    private func makeDue() throws {
        try fixture.database.connect().execute("UPDATE queue SET state = 'queued' WHERE lease IS NULL")
    }

    @Test func aRunIsClaimedOnce() throws {
        try enqueue(FlowText.chain(["pass"]))
        let other = fixture.database.connectAsApplication()
        try other.begin()
        let first = try claim(1, on: other)
        #expect(first?.execution.id == RunnerFixture.executionID && first?.claims == 1)
        #expect(try claim(2) == nil, "before the other transaction commits")
        try other.commit()
        #expect(try claim(2) == nil)
        #expect(try Queue.renew([(RunnerFixture.executionID, "\(Self.lease)1")], on: connection).count == 1)
        #expect(try Queue.renew([(RunnerFixture.executionID, "\(Self.lease)2")], on: connection).isEmpty)
    }

    @Test func aReleasedRunIsClaimedAgain() throws {
        try enqueue(FlowText.chain(["pass"]))
        let first = try #require(try claim(1))
        try Queue.release(first.execution.id, first.lease, isCounted: false, on: connection)
        let second = try #require(try claim(2))
        #expect(second.claims == 1, "an unstarted claim does not count")
        try Queue.release(first.execution.id, first.lease, isCounted: true, on: connection)
        #expect(try claim(3) == nil, "only the holder of the lease releases a run")
        try Queue.release(second.execution.id, second.lease, after: .seconds(60), isCounted: true, on: connection)
        #expect(try claim(3) == nil)
        try makeDue()
        #expect(try claim(3)?.claims == 2)
    }

    @Test func anExpiredLeaseIsLost() throws {
        try enqueue(FlowText.chain(["keep"]))
        let first = try #require(try claim(1))
        #expect(try Queue.rescue(isTrouble: false, on: connection) == 0)
        try expireLeases()
        #expect(try Queue.rescue(isTrouble: false, on: connection) == 1)
        let second = try #require(try claim(2))
        guard
            case .lost = try engine().execute(first, on: connection, Cancellation())
        else {
            Issue.record("the first worker continued")
            return
        }
        #expect(try fixture.committed().documents == [])
        guard
            case .ended = try engine().execute(second, on: connection, Cancellation())
        else {
            Issue.record("the second worker did not end the run")
            return
        }
        #expect(try fixture.committed().documents == ["1"])
        #expect(try fixture.committed().status == "completed")
    }

    /// The process may have died because of another of its runs.
    @Test func theDeathOfAProcessIsCountedIfTheRunWasAlone() throws {
        try enqueue(FlowText.chain(["pass", "keep"]))
        for number in 1...8 {
            let claim = try #require(try claim(number))
            #expect(claim.claims == 1 && claim.isSuspect == (number > 1))
            try expireLeases()
            #expect(try Queue.rescue(isTrouble: false, on: connection) == 1)
        }
        let last = try #require(try claim(9))
        _ = try engine().execute(last, on: connection, Cancellation())
        #expect(try fixture.committed().status == "completed")
    }

    /// A run that has made progress is no longer suspected.
    @Test func progressEndsTheSuspicion() throws {
        try enqueue(FlowText.chain(["pass", "wait forever"]))
        _ = try claim(1)
        try expireLeases()
        #expect(try Queue.rescue(isTrouble: false, on: connection) == 1)
        let suspect = try #require(try claim(2))
        #expect(suspect.isSuspect)
        let forever = TestTask("wait forever", effect: .external) { _, _ in throw Fenced() }
        let work = try engine([forever]).execute(suspect, on: connection, Cancellation())
        guard case .lost = work else { Issue.record("\(work)"); return }
        let (isSuspect, isAlone) = try fixture.database.connect().query("SELECT is_suspect, is_alone FROM queue").only
            .decode(Bool.self, Bool.self)
        #expect(!isSuspect && !isAlone)
    }

    /// The sixth claim without progress ends the run.
    @Test func aRunWithoutProgressFailsAfterTheMaximumOfClaims() throws {
        try enqueue(FlowText.chain(["pass"]))
        for number in 1...5 {
            let claim = try #require(try claim(number))
            #expect(claim.claims == number)
            #expect(try Queue.isolate(claim, on: connection))
            try expireLeases()
            #expect(try Queue.rescue(isTrouble: false, on: connection) == 1)
        }
        let last = try #require(try claim(6))
        guard
            case .ended = try engine().execute(last, on: connection, Cancellation())
        else {
            Issue.record("the run did not end")
            return
        }
        let found = try Execution.find(RunnerFixture.executionID, of: RunnerFixture.userID, on: connection)?.execution
        #expect(found?.status == .failed && found?.failure?.code == "dead_letter")
        #expect(try claim(7) == nil)
    }

    /// The credits that a step found were spent by other runs in the meantime.
    @Test func insufficientCreditsAtTheCommitFailTheRun() throws {
        struct Overdraft: WaitingTask {
            let type = "overdraft"
            let summary = "Holds more than there is"
            let input = JSONSchema.any
            let output = JSONSchema.any

            func advance(_ input: JSON, in context: TaskContext) -> Progress {
                let hold = Ledger.hold(5, of: context.userID, execution: context.executionID)
                return .wait(until: .woken, storing: .null, starting: ChildRuns(ids: [], statements: [hold]))
            }
        }
        try enqueue(FlowText.chain(["pass", "overdraft"]))
        let claim = try #require(try claim())
        let catalog = TaskCatalog(TaskCatalog.plain.tasks + [Overdraft()])
        let work = try Engine(catalog: catalog).execute(claim, on: connection, Cancellation())
        guard case .ended = work else { Issue.record("\(work)"); return }
        let found = try Execution.find(RunnerFixture.executionID, of: RunnerFixture.userID, on: connection)?.execution
        #expect(found?.status == .failed && found?.failure == .insufficientCredits)
    }

    /// A worker of another release may know the task type.
    @Test func anUnreadableFlowIsPostponedBeforeItFails() throws {
        try enqueue(FlowText.chain(["unheard of"]))
        for number in 1...5 {
            let claim = try #require(try claim(number))
            let work = try engine().execute(claim, on: connection, Cancellation())
            if number < 5 { guard case .postponed = work else { Issue.record("not postponed"); return } }
            try makeDue()
        }
        let found = try Execution.find(RunnerFixture.executionID, of: RunnerFixture.userID, on: connection)?.execution
        #expect(found?.status == .failed && found?.failure?.code == "flow_invalid")
    }

    /// The statements of an idle worker were planned for an empty queue.
    @Test func aLongQueueIsNotScanned() throws {
        let owner = fixture.database.connect()
        // Not through a pooler: the test needs the counters of this session.
        let connection = fixture.database.connect()
        try owner.execute("VACUUM ANALYZE queue")
        #expect(try claim(on: connection) == nil)
        func runOne() throws {
            try enqueue(FlowText.chain(["pass"]))
            let claim = try #require(try claim(on: connection))
            #expect(try Queue.renew([(claim.execution.id, claim.lease)], on: connection) == [claim.lease])
            #expect(try Queue.rescue(isTrouble: false, on: connection) == 0)
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
            SELECT gen_random_uuid(), \(RunnerFixture.userID), 'waiting', 'infinity' FROM generate_series(1, 3000)
            """)
        let before = try read()
        try runOne()
        let rows = try read() - before
        #expect((1..<100).contains(rows))
    }

    @Test func returnsTheTimeUntilTheNextRunIsDue() throws {
        #expect(try Queue.nextDue(on: connection) == nil)
        try enqueue(FlowText.chain(["pass"]))
        let owner = fixture.database.connect()
        try owner.execute("UPDATE queue SET state = 'waiting', available_at = clock_timestamp() - interval '1 second'")
        #expect(try Queue.nextDue(on: connection) == nil, "it was due long ago")
        try owner.execute("UPDATE queue SET available_at = clock_timestamp() + interval '900 milliseconds'")
        let next = try #require(try Queue.nextDue(on: connection))
        #expect(next > .zero && next <= .milliseconds(900))
        try owner.execute("UPDATE queue SET available_at = 'infinity'")
        #expect(try Queue.nextDue(on: connection) == nil)
    }

    /// The beginning of the step is stored before it is executed; a repetition uses the same key.
    @Test func anExternalEffectIsAnnounced() throws {
        struct Crash: Error {}
        let database = fixture.database
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
            Issue.record("a crash does not end the run")
            return
        }
        try makeDue()
        let second = try #require(try claim(2))
        guard
            case .ended = try engine([send]).execute(second, on: connection, Cancellation())
        else {
            Issue.record("the run did not continue")
            return
        }
        #expect(keys.all == Array(repeating: "\(RunnerFixture.executionID)-2", count: 2))
        let found = try Execution.find(RunnerFixture.executionID, of: RunnerFixture.userID, on: connection)?.execution
        #expect(found?.status == .completed && found?.result == "sent")
        #expect(found?.steps.map(\.attempt) == [1, 2, 1])
        #expect(try fixture.committed().documents == ["1"])
    }

    /// The step of a canceled run is interrupted, and its effect is not committed.
    @Test func aCanceledRunIsNotCommitted() throws {
        try enqueue(FlowText.chain(["keep"]))
        let claim = try #require(try claim())
        let cancellation = Cancellation()
        cancellation.request()
        guard
            case .lost = try engine().execute(claim, on: connection, cancellation)
        else {
            Issue.record("the run continued")
            return
        }
        #expect(try fixture.committed().documents == [])
    }
}

/// The idempotency keys passed to a task.
private final class Keys: Sendable {
    private let keys = Mutex<[String]>([])

    var all: [String] { keys.withLock { $0 } }
    var count: Int { all.count }

    func append(_ key: String) { keys.withLock { $0.append(key) } }
}
