import App
import Crypto
import FastCGI
import Flows
import Glibc
import HTTP
import JSON
import Postgres
import SharedMemory
import System
import TestSupport
import Testing
import WorkerPool

@testable import flow_manager

/// The page of `GET /metrics`, of a pool that consists of this process.
@Suite struct MetricsPageTests {
    private let memory: SharedMemory
    private let metrics: Metrics
    private let hashing: Slots
    private let database: TestDatabase
    private let engine = Engine(catalog: Tasks.makeCatalog(), limits: Engine.Limits())

    init() throws {
        memory = try SharedMemory()
        metrics = Metrics(in: memory)
        hashing = Slots(in: memory, limit: 4)
        database = try TestDatabase.make()
    }

    private func page(over connection: Connection? = nil, of main: pid_t = getpid()) -> String {
        MetricsPage(of: PoolMemory(memory: memory, isShared: true, main: main), hashing: hashing, engine: engine)
            .text(over: connection ?? database.connectAsApplication())
    }

    /// The lines of series, but those of the processes themselves, of sizes in the database and of what has not happened
    /// yet.
    private func series(_ page: String) -> Set<Substring> {
        Set(
            page.split(separator: "\n").filter {
                !$0.hasPrefix("#") && !$0.hasPrefix("process_") && !$0.hasSuffix("_total 0")
                    && !$0.contains("_bytes{")
            })
    }

    private func value(_ name: String, _ page: String) throws -> Double {
        let lines = page.split(separator: "\n").filter { $0.hasPrefix(name + " ") }
        #expect(lines.count == 1, "\(name)")
        return try #require(lines.first.flatMap { Double($0.dropFirst(name.count + 1)) })
    }

    private func enqueue() throws {
        let connection = database.connectAsApplication()
        let user = "00000000-0000-7000-8000-000000000001"
        try database.connect().execute(
            "INSERT INTO users (id, username, password_hash) VALUES (\(user), 'tester', '-') ON CONFLICT DO NOTHING")
        let flow = try #require(JSON.flow([.task("a", "pass")])["flow"])
        let run = Execution(id: UUIDv7.make(), userID: user, flow: flow, input: [:])
        try engine.enqueue(run, try engine.plan(flow, for: user, on: connection), on: connection)
    }

    @Test func showsWhatWasObserved() throws {
        metrics.enter(as: .responder)
        let seats = try (0..<3).map { _ in try #require(Scoreboard(in: memory).takeSeat()) }
        seats[0].begin()
        for _ in 0..<2 { metrics.observe(.edge(.parked(1))) }
        for _ in 0..<4 { metrics.observe(.database(.connectionOpened)) }
        metrics.observe(.database(.connectionLost))
        metrics.observe(.worker(.rescued(5)))
        for _ in 0..<2 { metrics.observe(.application(.scheduleDecided(.started))) }
        metrics.observe(.application(.scheduleFailed(scheduleID: "1", code: "a", detail: "b")))
        metrics.observe(.engine(.callsChanged(running: 4, waiting: 3)))
        metrics.observe(.engine(.callsChanged(running: -1, waiting: -1)))
        let slots = try (0..<2).map { _ in try #require(hashing.tryAcquire()) }
        for _ in 0..<7 { try enqueue() }
        let owner = database.connect()
        try owner.execute("UPDATE queue SET available_at = now() + interval '1 hour'")
        try owner.execute(
            """
            WITH taken AS (SELECT execution_id, row_number() OVER () AS n FROM queue)
            UPDATE queue q SET lease = gen_random_uuid(), lease_until = now(),
                state = (CASE WHEN n = 1 THEN 'running' ELSE 'waiting' END)::run_status
            FROM taken t WHERE t.execution_id = q.execution_id AND n <= 3
            """)
        try owner.execute(
            """
            INSERT INTO executions (id, user_id, flow, input, status, created_at, error)
            SELECT '00000000-0000-7000-8000-000000000002', id, '{"id":"f","name":"n"}', '{}', 'failed', now(),
                '{"code":"dead_letter","message":""}'
            FROM users
            """)
        #expect(
            series(page()) == [
                "flow_manager_requests_in_flight 3", "flow_manager_parked_calls 2", "flow_manager_event_streams 0",
                #"flow_manager_threads{role="responder",state="busy"} 1"#,
                #"flow_manager_threads{role="responder",state="idle"} 2"#,
                #"flow_manager_threads{role="worker",state="busy"} 0"#,
                #"flow_manager_threads{role="worker",state="idle"} 0"#,
                #"flow_manager_processes{role="responder"} 1"#, #"flow_manager_processes{role="worker"} 0"#,
                #"flow_manager_external_calls{state="running"} 3"#, #"flow_manager_external_calls{state="waiting"} 2"#,
                "flow_manager_database_up 1", "flow_manager_database_connections 3",
                "flow_manager_password_hashes_running 2", "flow_manager_runs_rescued_total 5",
                #"flow_manager_queue_runs{state="queued"} 4"#, #"flow_manager_queue_runs{state="running"} 1"#,
                #"flow_manager_queue_runs{state="waiting"} 2"#, "flow_manager_queue_oldest_due_seconds 0",
                "flow_manager_dead_letters 1", "flow_manager_queue_oldest_schedule_seconds 0",
                "flow_manager_queue_notifications 0", "flow_manager_queue_oldest_notification_seconds 0",
                #"flow_manager_schedules_decided_total{outcome="started"} 2"#,
                #"flow_manager_schedules_decided_total{outcome="failed"} 1"#,
                "flow_manager_history_oldest_month_seconds 0",
                "flow_manager_history_months_ahead 2", "flow_manager_history_unplanned_runs 0",
                "flow_manager_build_info{version=\"\(Routes.interface.version)\"} 1",
            ])
        try owner.execute("UPDATE queue SET available_at = now() - interval '1 hour' WHERE state = 'queued'")
        #expect((3_600..<3_900).contains(try value("flow_manager_queue_oldest_due_seconds", page())))
        for slot in slots { hashing.release(slot) }
    }

    /// The threads of workers serve no requests.
    @Test func aWorkerHasNoRequests() throws {
        metrics.enter(as: .worker)
        try #require(Scoreboard(in: memory).takeSeat()).begin()
        let shown = series(page())
        #expect(shown.contains("flow_manager_requests_in_flight 0"))
        #expect(shown.contains(#"flow_manager_threads{role="worker",state="busy"} 1"#))
        #expect(shown.contains(#"flow_manager_processes{role="worker"} 1"#))
    }

    @Test func withoutTheDatabaseItsFiguresAreLeftOut() throws {
        let page = page(over: Connection(try PostgresConfiguration("host=/nonexistent")))
        let shown = series(page)
        #expect(shown.contains("flow_manager_database_up 0"))
        #expect(!shown.contains { $0.contains("_queue_") || $0.contains("dead_letters") })
        #expect(try value("process_max_fds", page) == Double(ProcessFigures.maximumDescriptors))
    }

    /// A refused statement is an answer.
    @Test func aDatabaseThatRefusesTheQueryIsUp() throws {
        try database.connect().execute("ALTER TABLE queue RENAME TO queue_away")
        #expect(series(page()).contains("flow_manager_database_up 1"))
    }

    /// Other tests run in this process, and have children.
    @Test func showsItsProcesses() throws {
        PoolRecord(in: memory).raise(.started, to: 1_700_000_000)
        let before = try #require(ProcessFigures(of: getpid()))
        let page = page()
        #expect(try value("process_start_time_seconds", page) == 1_700_000_000)
        #expect(try value("process_cpu_seconds_total", page) >= before.processorTime - 0.01)
        #expect(try value("process_resident_memory_bytes", page) > Double(before.residentMemory / 2))
        #expect(try value("process_open_fds", page) > 3)
    }

    /// A child that is reaped between two readings is in neither of them.
    @Test func processorTimeDoesNotGoBack() throws {
        let first = try value("process_cpu_seconds_total", page())
        let counters = CounterTable(in: memory)
        counters.raise(try #require(counters.place(of: "largest processor time, ms")), to: 9_000_000_500)
        #expect(first < 1_000_000)
        #expect(try value("process_cpu_seconds_total", page()) == 9_000_000.5)
    }

    /// The supervisor has been killed, and another process has got its id.
    @Test func processesOfOthersAreNotShown() {
        #expect(!page(of: 1).contains("\nprocess_"))
    }
}
