import Foundation
import Glibc
import HTTP
import JSON
import Postgres
import TestSupport
import Testing

/// Workers, started by the supervisor or by hand, with runs in the queue.
@Suite struct WorkCommandTests {
    /// Puts runs of the demo flow into the queue, like the program does, and returns their ids.
    private func enqueue(_ count: Int, of user: TestUser, in stack: Stack) throws -> [String] {
        try stack.database.connect().query(
            """
            WITH opened AS (
                INSERT INTO executions (id, user_id, flow, input, status, created_at)
                SELECT uuid_v7(), \(user.id)::uuid, \(JSON.demoFlow["flow"] ?? .null), '{}', 'running',
                    clock_timestamp()
                FROM generate_series(1, \(count))
                RETURNING id, user_id),
            notified AS (
                DELETE FROM idle_workers
                WHERE worker = (SELECT worker FROM idle_workers LIMIT 1 FOR UPDATE SKIP LOCKED)
                RETURNING pg_notify('flow_work', worker::text)),
            queued AS (
                INSERT INTO queue (execution_id, user_id, state, available_at)
                SELECT id, user_id, 'queued', clock_timestamp() FROM opened)
            SELECT id FROM opened LEFT JOIN notified ON true
            """
        ).map { try $0.decode(String.self) }
    }

    /// Waits until none of the runs is in the queue.
    private func wait(for runs: [String], in stack: Stack) throws {
        let connection = stack.database.connect()
        try eventually("the queue has none of the runs") {
            try connection.query("SELECT FROM queue WHERE execution_id = ANY(\(runs)::uuid[])").isEmpty
        }
    }

    private func expectCompleted(_ runs: [String], of user: TestUser, in stack: Stack) throws {
        for run in runs {
            let answer = try stack.get("/api/executions/\(run)", token: user.token)
            #expect(answer["status"] == "completed", "\(answer.text)")
        }
    }

    @Test func supervisedWorkerExecutesQueuedRuns() throws {
        let stack = try Stack()
        let user = try stack.makeUser()
        let runs = try enqueue(20, of: user, in: stack)
        try wait(for: runs, in: stack)
        try expectCompleted(runs, of: user, in: stack)
    }

    @Test func runsOfAKilledWorkerAreRescued() throws {
        let stack = try Stack()
        let user = try stack.makeUser()
        let started = try #require(stack.log.split(separator: "\n").last { $0.contains("worker-ready") })
        let worker = try #require(started.split(separator: "child=").last.flatMap { pid_t($0) })
        // The runs block on a table that is locked here.
        let held = try HeldRows("LOCK TABLE documents", in: stack.database)
        let runs = try enqueue(2, of: user, in: stack)
        try held.waitUntilWanted()
        kill(worker, SIGKILL)
        held.release()
        try wait(for: runs, in: stack)
        try expectCompleted(runs, of: user, in: stack)
        try stack.waitForLog { stack.log.contains("runs-rescued") }
    }

    @Test func onceExecutesDueRunsAndExits() throws {
        let stack = try Stack(settings: ["WORKERS": "0"])
        let user = try stack.makeUser()
        let runs = try enqueue(10, of: user, in: stack)
        let result = try stack.command(["work", "--once"])
        #expect(result.status == 0, "\(result.output)")
        try expectCompleted(runs, of: user, in: stack)
        #expect(try stack.command(["work", "--once"]).status == 0)
    }

    /// Cron starts it on hosts where no worker runs.
    @Test func onceFiresSchedulesAndExecutesTheirRuns() throws {
        let stack = try Stack(settings: ["WORKERS": "0"])
        let user = try stack.makeUser()
        for number in 1...5 {
            let made = try stack.post("/api/workflows", .workflow("w\(number)"), token: user.token)
            let path = (made.headers["location"] ?? "") + "/schedule"
            let answer = try stack.send("PUT", path, ["cron": "* * * * *"], token: user.token)
            #expect(answer.status == 200, "\(answer.text)")
        }
        try stack.database.connect().execute(
            """
            UPDATE schedules SET decided_until = now() - interval '5 minutes',
                next_times = ARRAY[date_trunc('minute', now()) - interval '2 minutes']
            """)
        let result = try stack.command(["work", "--once"])
        #expect(result.status == 0, "\(result.output)")
        let runs = try stack.get("/api/executions", token: user.token)["items"]
        #expect(runs.each("status") == Array(repeating: "completed", count: 5), "\(runs.text)")
        let schedules = try stack.get("/api/schedules", token: user.token)["items"]
        #expect(schedules.each("last").map { $0["outcome"] } == Array(repeating: "started", count: 5))
    }

    /// A user has four attempts at a time: further ones follow in the same process.
    @Test func onceSendsTheNotificationsOfItsRuns() throws {
        let stack = try Stack(settings: ["WORKERS": "0", "HTTP_ALLOW_ADDRESSES": "127.0.0.1"])
        let caller = try RunCaller(stack)
        let server = try LoopbackServer { _ in .ok() }
        let workflow = try caller.keep(.flow([.task("a", "pass")]), ["on_end": ["url": .string("\(server.url)/")]])
        for _ in 0..<10 { _ = try caller.start(workflow) }
        let result = try stack.command(["work", "--once"])
        #expect(result.status == 0, "\(result.output)")
        #expect(server.requests.count == 10)
        let deliveries = try caller.get("/api/workflows/\(workflow)/deliveries")["items"]
        #expect(deliveries.each("state") == Array(repeating: "delivered", count: 10))
    }

    /// In another process id namespace the same id is another process, so what these share must not be shared.
    @Test(.enabled(if: getuid() == 0)) func eachContainerHasAMemoryFileOfItsOwn() throws {
        let stack = try Stack.shared.get()
        let folder = stack.folder + "/containers"
        let environment = stack.environment.merging(["STATE_DIR": folder]) { $1 }
        func files() throws -> [String] { try FileManager.default.contentsOfDirectory(atPath: folder) }
        for _ in 0..<2 {
            #expect(try Stack.command(["work", "--once"], environment: environment).status == 0)
            #expect(try files().count == 1)
        }
        let contained = try Stack.command(
            ["--pid", "--fork", "--mount-proc", Stack.executable, "work", "--once"], of: "/usr/bin/unshare",
            environment: environment)
        #expect(contained.status == 0, "\(contained.output)")
        #expect(try files().count == 2)
    }

    @Test func onceFailsWithoutADatabase() throws {
        let result = try Stack.command(
            ["work", "--once"], environment: ["DATABASE_URL": "postgresql://app@127.0.0.1:1/flows"])
        #expect(result.status == 1)
        #expect(result.output.contains("flow-manager work: "))
    }

    @Test func unknownArgumentIsRefused() throws {
        let result = try Stack.command(
            ["work", "--onec"], environment: ["DATABASE_URL": "postgresql://app@127.0.0.1:1/f"])
        #expect(result.status == 2)
        #expect(result.output == "flow-manager work: usage: flow-manager work [--once]\n")
    }
}
