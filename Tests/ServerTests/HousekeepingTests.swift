import App
import Postgres
import System
import TestSupport
import Testing

@testable import flow_manager

/// What expired is removed beside a worker's work, a little at a time.
@Suite struct HousekeepingTests {
    @Test func removesABatchInEachRoundOnceItIsTime() throws {
        let database = try TestDatabase.make()
        let connection = database.connectAsApplication()
        try connection.execute(
            """
            INSERT INTO rate_limits (network, name, window_start, calls)
            SELECT '10.0.' || n / 256 || '.' || n % 256, 'login', now() - interval '2 days', 1
            FROM generate_series(1, 2500) AS n
            """)
        func left() throws -> Int {
            try connection.query("SELECT count(*) FROM rate_limits").only.decode(Int.self)
        }
        let start = Monotonic.now
        var housekeeping = Housekeeping(from: start)
        try housekeeping.runNext(at: start, on: connection)
        #expect(try left() == 2_500)

        var counts: Set<Int> = []
        for round in 0..<(Pruning.all.count + 2) {
            try housekeeping.runNext(at: start + .seconds(601 + round), on: connection)
            counts.insert(try left())
        }
        #expect(counts == [2_500, 1_500, 500, 0])
    }
}
