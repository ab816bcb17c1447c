import App
import Flows
import Postgres
import TestSupport
import Testing
import WorkerPool

@testable import flow_manager

/// The background duties of a worker.
@Suite struct DutiesTests {
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
