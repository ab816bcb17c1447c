import App
import Flows
import Postgres
import TestSupport
import Testing
import WorkerPool

@testable import flow_manager

/// The background duties of a worker.
@Suite struct DutiesTests {
    /// Small changes are counted within seconds, and what a deleted account had is removed.
    @Test func countersAreFoldedAndAccountsRemoved() throws {
        let database = try TestDatabase.make()
        let connection = database.connectAsApplication()
        let ids = ["00000000-0000-7000-8000-000000000001", "00000000-0000-7000-8000-000000000002"]
        try connection.pipeline(
            ids.map { "INSERT INTO users (id, username) VALUES (\($0), \($0))" } + [
                "INSERT INTO documents (user_id, name, value) SELECT id, 'a', '1' FROM users",
                "INSERT INTO storage_changes (user_id, bytes) SELECT id, 7 FROM users",
                "UPDATE users SET deleted_at = now(), removal_due = now() WHERE id = \(ids[0])",
            ])
        let duties = Duties.all(of: Engine(catalog: Tasks.makeCatalog()), on: connection)
        for name in ["storage", "remover"] {
            let duty = try #require(duties.first { $0.name == name })
            #expect(duty.interval == .seconds(1))
            guard case .done = try duty.body({ _ in }) else {
                Issue.record("\(name) is not done")
                return
            }
        }
        for table in ["documents", "storage"] as [SQL] {
            let owners = try connection.query("SELECT user_id FROM \(table)").map { try $0.decode(String.self) }
            #expect(owners == [ids[1]])
        }
    }

    @Test func prunerDeletesOneBatchPerCall() throws {
        let database = try TestDatabase.make()
        let connection = database.connectAsApplication()
        try connection.execute(
            """
            INSERT INTO rate_limits (network, name, window_start, calls)
            SELECT '10.0.' || n / 256 || '.' || n % 256, 'login', now() - interval '2 days', 1
            FROM generate_series(1, 2500) AS n
            """)
        func remaining() throws -> Int {
            try connection.query("SELECT count(*) FROM rate_limits").only.decode(Int.self)
        }
        let engine = Engine(catalog: Tasks.makeCatalog())
        let duties = Duties.all(of: engine, on: connection)
        let pruner = try #require(duties.first { $0.name == "pruner" })
        #expect(pruner.interval == .seconds(600))
        var counts: Set<Int> = []
        var calls = 1
        while case .unfinished = try pruner.body({ _ in }) {
            counts.insert(try remaining())
            calls += 1
        }
        #expect(counts == [2_500, 1_500, 500, 0])
        #expect(calls == Pruning.all.count + 2)
        guard case .unfinished = try pruner.body({ _ in }) else {
            Issue.record("the next pass has not started")
            return
        }
    }
}
