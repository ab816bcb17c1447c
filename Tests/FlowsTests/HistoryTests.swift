import Crypto
import JSON
import Postgres
import TestSupport
import Testing

@testable import Flows

/// What is older than the retention is dropped by the month, with the privileges of the program.
@Suite struct HistoryTests {
    private let fixture: EngineFixture
    private let owner: Connection
    private let events = Recording<EngineEvent>()
    private let engine: Engine
    private var database: TestDatabase { fixture.runner.database }
    private var connection: Connection { fixture.connection }
    private static let other = "00000000-0000-7000-8000-000000000002"

    init() throws {
        fixture = try EngineFixture()
        owner = fixture.runner.database.connect()
        try fixture.runner.database.makePastMonths()
        try owner.execute("INSERT INTO users (id, username) VALUES (\(Self.other), 'other')")
        var limits = Engine.Limits()
        limits.retention = 40
        engine = EngineFixture.engine(limits: limits) { [events] in events.add($0) }
    }

    private func dropAll() throws {
        var pass = History.Pass()
        while try pass.advance(by: engine, on: connection) {}
    }

    private func ids() throws -> Set<String> {
        Set(try connection.query("SELECT id FROM executions").map { try $0.decode(String.self) })
    }

    private var droppedMonths: [String] {
        events.take().compactMap { if case .historyDropped(let month) = $0 { month } else { nil } }
    }

    /// The bytes of each user, as they are counted and as they are.
    private func bytes() throws -> (counted: [String: Int], stored: [String: Int]) {
        while try engine.storage.fold(on: owner) {}
        func sums(_ table: SQL) throws -> [String: Int] {
            var sums: [String: Int] = [:]
            for row in try owner.query("SELECT user_id, sum(bytes)::bigint FROM \(table) GROUP BY user_id") {
                let (user, bytes) = try row.decode(String.self, Int.self)
                sums[user] = bytes == 0 ? Int?.none : bytes
            }
            return sums
        }
        return (try sums("storage"), try sums("stored"))
    }

    @Test func everyUserGetsTheBytesOfDroppedRunsBack() throws {
        try owner.execute("INSERT INTO prices VALUES ('pass', 1, true)")
        try connection.execute(Ledger.grant(1_000, to: RunnerFixture.userID))
        var old: [String] = []
        for number in 0..<5 {
            let run = try fixture.enqueue(
                ["pass", "pass"], input: .string(String(repeating: "x", count: number * 997)))
            try fixture.work()
            old.append(try database.age(run.id, days: 100 + number))
        }
        let kept = try fixture.enqueue(["pass"])
        try fixture.work()
        for user in [Self.other, RunnerFixture.userID] {
            let run = Execution(id: UUIDv7.make(), userID: user, flow: FlowText.chain(["fail"]), input: [:])
            try engine.enqueue(
                run, try engine.plan(run.flow, for: user, on: connection), on: connection)
            try fixture.work()
            if user == Self.other { old.append(try database.age(run.id, days: 120)) }
        }
        let before = try bytes()
        #expect(before.counted == before.stored && before.stored[Self.other] != nil)
        let entries = try owner.query("SELECT FROM ledger").count
        try dropAll()
        #expect(try ids().isDisjoint(with: old) && ids().contains(kept.id))
        let after = try bytes()
        #expect(after.counted == after.stored && after.stored[Self.other] == nil)
        #expect(try owner.query("SELECT FROM ledger").count == entries)
        #expect(try owner.query("SELECT FROM dropped_history").isEmpty)
        let tables = try owner.query("SELECT relname FROM pg_class WHERE relname ~ '^steps_20.._..$'").count
        #expect(try tables == owner.query("SELECT FROM history WHERE month <> 'first'").count)
        #expect(droppedMonths.count > 9)
        // Nothing is left to do.
        try dropAll()
        #expect(droppedMonths == [])
    }

    /// The duty stops after each batch.
    @Test func theBytesAreGivenBackInParts() throws {
        let run = try fixture.enqueue(["pass"])
        try fixture.work()
        let old = try database.age(run.id, days: 100)
        try owner.execute(
            """
            WITH copied AS (
                INSERT INTO executions AS copy (id, user_id, flow, input, status, created_at)
                SELECT overlay(e.id::text PLACING lpad(to_hex(n), 12, '0') FROM 25)::uuid, e.user_id, e.flow, e.input,
                    e.status, e.created_at
                FROM executions e, generate_series(1, 500) n WHERE e.id = \(old)
                RETURNING user_id, stored_bytes(copy))
            INSERT INTO storage_changes SELECT * FROM copied
            """)
        #expect(try History.dropOldest(after: 40, on: connection) == "first")
        while try History.countSome(engine.storage, on: connection) {}
        while try History.dropOldest(after: 40, on: connection) != nil, try ids().contains(old) {
            while try History.countSome(engine.storage, on: connection) {}
        }
        // By a later release, which runs before all is counted.
        try owner.execute("ALTER TABLE executions ADD COLUMN later json")
        var calls = 0
        while try History.countSome(engine.storage, on: connection) {
            calls += 1
            // A part is committed as a whole.
            #expect(try bytes().counted.values.allSatisfy { $0 >= 0 })
        }
        #expect(calls == 3)
        let left = try bytes()
        #expect(left.counted == left.stored)
    }

    @Test func aMonthWithAnActiveRunIsNotDropped() throws {
        let run = try fixture.run(.waiting)
        let old = try database.age(run.id, days: 100)
        let error = #expect(throws: PostgresError.self) { try dropAll() }
        #expect(error?.sqlState?.rawValue == "55006")
        #expect(try ids() == [old])
        // It has lasted too long.
        while try engine.expireRuns(on: connection) {}
        try dropAll()
        #expect(try ids() == [])
    }

    @Test func theProgramCannotDropWhatIsYoung() throws {
        let error = #expect(throws: PostgresError.self) { try History.dropOldest(after: 30, on: connection) }
        #expect(error?.sqlState == .insufficientPrivilege)
        #expect(try History.dropOldest(after: 31, on: connection) == "first")
    }

    @Test(arguments: [nil, 1_000_000, 400]) func withoutRetentionNothingIsDropped(days: Int?) throws {
        let run = try fixture.enqueue(["pass"])
        try fixture.work()
        let old = try database.age(run.id, days: 300)
        var limits = Engine.Limits()
        limits.retention = days
        var pass = History.Pass()
        while try pass.advance(by: EngineFixture.engine(limits: limits), on: connection) {}
        #expect(try ids() == [old])
    }

    @Test func theVersionsOfADeletedWorkflowGoWithItsLastRuns() throws {
        let workflow = try fixture.store(["pass"])
        let run = try fixture.start(workflow)
        try fixture.work()
        try connection.execute("UPDATE workflows SET deleted_at = now()")
        _ = try database.age(run.id, days: 100)
        try dropAll()
        #expect(try owner.query("SELECT FROM workflow_versions").isEmpty)
    }

    /// The partitions of the months to come are missing, as after months without a worker.
    @Test func runsWithoutAMonthAreKept() throws {
        let months = try owner.query("SELECT month FROM history WHERE first > first_id(now())").map {
            try $0.decode(String.self)
        }
        for month in months {
            try owner.execute("DROP TABLE \(unsafeRaw: "executions_\(month), steps_\(month)")")
        }
        let run = try fixture.enqueue(["pass", "pass"])
        try fixture.work()
        let late = try database.age(run.id, days: -70)
        #expect(try owner.query("SELECT FROM executions_default").count == 1)
        #expect(try History.prepare(readingUpTo: 1, on: connection) == -1)
        #expect(try engine.historyFigures(on: connection).hasUnplannedRuns)
        #expect(try History.prepare(readingUpTo: 10, on: connection) >= 1)
        #expect(try owner.query("SELECT FROM executions_default").isEmpty)
        #expect(try owner.query("SELECT FROM steps_default").isEmpty)
        #expect(try Execution.find(late, of: RunnerFixture.userID, on: connection)?.execution.steps.count == 2)
        let figures = try engine.historyFigures(on: connection)
        #expect(!figures.hasUnplannedRuns && figures.monthsAhead >= 2)
        #expect(try History.prepare(readingUpTo: 10, on: connection) == 0)
    }
}
