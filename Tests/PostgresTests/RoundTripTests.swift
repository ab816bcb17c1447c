import Postgres
import Synchronization
import TestSupport
import Testing

/// Counts the round trips of each operation, which dominate the latency of a request.
@Suite struct RoundTripTests {
    let database: TestDatabase

    init() throws {
        database = try TestDatabase.make(isMigrated: false)
        try database.connect().execute("CREATE TABLE things (id int)")
    }

    @Test(arguments: [true, false]) func operationsUseTheMinimumOfRoundTrips(preparing: Bool) throws {
        var configuration = database.owner
        configuration.preparesStatements = preparing
        let proxy = try Proxy(to: configuration)
        defer { proxy.stop() }
        let connection = Connection(proxy.configuration)
        try connection.execute("SELECT 1")

        func roundTrips(_ body: () throws -> Void) rethrows -> Int {
            let before = proxy.requestCount.load(ordering: .relaxed)
            try body()
            return proxy.requestCount.load(ordering: .relaxed) - before
        }
        let insert: SQL = "INSERT INTO things VALUES (\(1))"

        for use in ["first", "second"] {
            #expect(try roundTrips { try connection.execute(insert) } == 1, "\(use) use")
            #expect(try roundTrips { try connection.transaction { _ in } } == 0)
            #expect(try roundTrips { try connection.transaction { _ = try $0.execute(insert) } } == 2)
            let pipelined = try roundTrips {
                try connection.begin()
                try connection.commit(after: [insert, insert])
            }
            #expect(pipelined == 1)
            #expect(try roundTrips { try connection.transaction { try $0.executeLater(insert) } } == 1)
            #expect(try roundTrips { try connection.pipeline([insert, insert]) } == 1)
            let nested = try roundTrips {
                try connection.transaction { connection in
                    try connection.execute(insert)
                    try connection.savepoint { _ = try $0.execute(insert) }
                }
            }
            #expect(nested == 3)
        }
    }
}
