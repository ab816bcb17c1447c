import Glibc
import HTTP
import Postgres
import TestSupport
import Testing

/// `GET /metrics` while the database does not answer.
@Suite struct MetricsTests {
    /// The page in at most three seconds: two for the database, and one for a computer that has other work.
    private func page(_ stack: Stack) throws -> [Substring] {
        let start = ContinuousClock.now
        let answer = try stack.get("/metrics")
        #expect(answer.status == 200)
        #expect(ContinuousClock.now - start < .seconds(3))
        return answer.text.split(separator: "\n").filter { !$0.hasPrefix("#") }
    }

    private func hasFiguresOfTheDatabase(_ lines: [Substring]) -> Bool {
        lines.contains { $0.hasPrefix("flow_manager_queue_runs") }
    }

    @Test func aFrozenDatabaseIsLeftOut() throws {
        let stack = try Stack(settings: ["RESPONDERS": "1", "THREADS": "1"])
        #expect(hasFiguresOfTheDatabase(try page(stack)))
        let backends = try stack.database.connect().query(
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        ).map { try $0.decode(Int.self) }
        #expect(!backends.isEmpty)
        for backend in backends { kill(pid_t(backend), SIGSTOP) }
        defer {
            for backend in backends { kill(pid_t(backend), SIGCONT) }
            withExtendedLifetime(stack) {}
        }
        let lines = try page(stack)
        #expect(lines.contains("flow_manager_database_up 0"))
        #expect(!hasFiguresOfTheDatabase(lines))
        #expect(lines.contains { $0.hasPrefix("flow_manager_threads{") })
        try eventually("a new connection answers") { hasFiguresOfTheDatabase(try page(stack)) }
    }

    @Test func aLockedTableIsLeftOut() throws {
        let stack = try Stack()
        let held = try HeldRows("LOCK TABLE queue IN ACCESS EXCLUSIVE MODE", in: stack.database)
        let lines = try page(stack)
        #expect(!hasFiguresOfTheDatabase(lines))
        #expect(lines.contains("flow_manager_database_up 1"), "it has answered that it is busy")
        held.release()
        #expect(hasFiguresOfTheDatabase(try page(stack)))
    }
}
