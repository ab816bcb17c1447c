import JSON
import Postgres
import TestSupport
import Testing

@testable import Flows

/// What `/metrics` shows of the queue.
@Suite struct EngineFiguresTests {
    private let fixture: EngineFixture

    init() throws { fixture = try EngineFixture() }

    private func figures() throws -> QueueFigures { try fixture.engine.queueFigures(on: fixture.connection) }

    private func counts(_ figures: QueueFigures) -> [ExecutionStatus: Int] {
        Dictionary(uniqueKeysWithValues: figures.runs.map { ($0.state, $0.count) })
    }

    @Test func allStatesOfAnEmptyQueueAreZero() throws {
        let figures = try figures()
        #expect(figures.runs.map(\.state) == [.queued, .running, .waiting])
        #expect(figures.runs.allSatisfy { $0.count == 0 })
        #expect(figures.oldestDue == 0 && figures.deadLetters == 0 && figures.oldestDueSchedule == 0)
        #expect(figures.notifications == 0 && figures.oldestDueNotification == 0)
    }

    @Test func theOldestNotificationThatIsDueCounts() throws {
        let owner = fixture.runner.database.connect()
        func add(_ state: String, due: SQL, ended: SQL = "NULL") throws {
            try owner.execute(
                """
                INSERT INTO end_notifications (id, user_id, workflow_id, execution_id, status, run_created_at,
                    run_finished_at, state, due_at, ended_at, give_up_at)
                VALUES (uuid_v7(), \(RunnerFixture.userID), uuid_v7(), uuid_v7(), 'completed', now(), now(), \(state),
                    \(due), \(ended), now() + interval '1 day')
                """)
        }
        try add("delivered", due: "NULL", ended: "now() - interval '2 hours'")
        try add("pending", due: "now() + interval '1 minute'")
        #expect(try figures().notifications == 1 && figures().oldestDueNotification == 0)
        try add("pending", due: "now() - interval '1 hour'")
        try add("pending", due: "now() - interval '1 minute'")
        #expect(try figures().notifications == 3)
        #expect(try (3_600..<3_620).contains(figures().oldestDueNotification))
    }

    @Test func theOldestScheduleThatIsDueCounts() throws {
        let owner = fixture.runner.database.connect()
        func add(_ times: SQL) throws {
            try owner.execute(
                """
                WITH workflow AS (
                    INSERT INTO workflows (id, user_id, version) SELECT uuid_v7(), \(RunnerFixture.userID)::uuid, 1
                    RETURNING id, user_id)
                INSERT INTO schedules (id, workflow_id, user_id, cron, timezone, misfire, misfire_window, overlap,
                    input, paused, decided_until, next_times)
                SELECT uuid_v7(), id, user_id, '@daily', 'UTC', 'once', 60, 'skip', '{}', false, now(), \(times)
                FROM workflow
                """)
        }
        try add("'{}'")
        try add("ARRAY[now() + interval '1 minute']")
        #expect(try figures().oldestDueSchedule == 0)
        try add("ARRAY[now() - interval '1 minute', now()]")
        try add("ARRAY[now() - interval '1 hour']")
        #expect(try (3_600..<3_620).contains(figures().oldestDueSchedule))
    }

    @Test func runsAreCountedByTheirState() throws {
        for status in [.running, .waiting, .waiting, .waiting, .completed, .failed, .canceled] as [ExecutionStatus] {
            _ = try fixture.run(status)
        }
        for _ in 0..<2 { _ = try fixture.enqueue(["pass"]) }
        #expect(try counts(figures()) == [.queued: 2, .running: 1, .waiting: 3])
    }

    /// Those that wait for another run of their workflow, or that a worker has only just claimed, are queued too.
    @Test func runsThatAreNotDueAreQueued() throws {
        let workflow = try fixture.store(["pass"], concurrency: 1)
        for _ in 0..<3 { _ = try fixture.start(workflow) }
        let owner = fixture.runner.database.connect()
        let held = try owner.query("SELECT count(*) FROM queue WHERE NOT is_admitted").only.decode(Int.self)
        #expect(held == 2)
        #expect(try counts(figures()) == [.queued: 3, .running: 0, .waiting: 0])
        try owner.execute("UPDATE queue SET lease = gen_random_uuid(), lease_until = now() WHERE is_admitted")
        #expect(try counts(figures()) == [.queued: 3, .running: 0, .waiting: 0])
        #expect(try figures().oldestDue == 0)
    }

    @Test func theOldestRunThatIsDueCounts() throws {
        let runs = try (0..<3).map { _ in try fixture.enqueue(["pass"]) }
        func oldestDue(_ ages: [Int]) throws -> Double {
            // In one transaction, in which the time does not pass.
            try fixture.connection.transaction { connection in
                for (run, age) in zip(runs, ages) {
                    try connection.execute(
                        """
                        UPDATE queue SET available_at = now() - \(age) * interval '1 second'
                        WHERE execution_id = \(run.id)
                        """)
                }
                return try fixture.engine.queueFigures(on: connection).oldestDue
            }
        }
        #expect(try oldestDue([30, 90, 60]) == 90)
        #expect(try oldestDue([-30, 45, -60]) == 45)
        #expect(try oldestDue([-30, -90, -60]) == 0)
        #expect(try counts(figures()) == [.queued: 3, .running: 0, .waiting: 0])
    }

    @Test(arguments: [2, 1_001]) func deadLettersAreCounted(number: Int) throws {
        try fixture.runner.database.connect().execute(
            """
            INSERT INTO executions (id, user_id, flow, input, status, created_at, error)
            SELECT ('00000000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, \(RunnerFixture.userID)::uuid,
                '{"id":"f","name":"n"}', '{}', 'failed', now(),
                json_build_object('code', CASE WHEN n <= \(number) THEN 'dead_letter' ELSE 'fault' END, 'message', '')
            FROM generate_series(1, \(number) + 3) n
            """)
        #expect(try figures().deadLetters == min(number, 1_000))
    }
}
