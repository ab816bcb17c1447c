import Postgres
import Synchronization
import TestSupport
import Testing

/// Round trips are what a request waits for; this counts them.
@Suite struct RoundTripTests {
    let database: TestDatabase

    init() throws {
        database = try TestDatabase.make(isMigrated: false)
        try database.connect().execute("CREATE TABLE things (id int)")
    }

    @Test(arguments: [true, false]) func nothingCostsMoreThanItMust(preparing: Bool) throws {
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
            let whole = try roundTrips {
                try connection.begin()
                try connection.commit(after: [insert, insert])
            }
            #expect(whole == 1)
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
