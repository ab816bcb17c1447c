import Postgres
import TestSupport
import Testing

/// The events that a connection reports.
@Suite struct ConnectionEventTests {
    private let database: TestDatabase
    private let connection: Connection
    private let events = Recording<PostgresEvent>()

    init() throws {
        database = try TestDatabase.make(isMigrated: false)
        var configuration = database.owner
        configuration.observe = { [events] in events.add($0) }
        connection = Connection(configuration)
    }

    private func session() throws -> Int { try connection.query("SELECT pg_backend_pid()").only.decode(Int.self) }

    @Test func reportsOpeningOnFirstUseAndAfterAClose() throws {
        #expect(events.all.isEmpty)
        for _ in 0..<2 { _ = try session() }
        #expect(events.take() == [.connectionOpened, .roundTrip, .roundTrip])
        connection.close()
        #expect(events.take() == [.connectionClosed])
        _ = try session()
        #expect(events.all == [.connectionOpened, .roundTrip])
    }

    @Test func reportsALossDuringAStatement() throws {
        #expect(throws: PostgresError.self) {
            try connection.query("SELECT pg_terminate_backend(pg_backend_pid())")
        }
        #expect(events.all == [.connectionOpened, .connectionLost, .failed(sqlClass: "57")])
    }

    @Test func reportsALossWhileIdle() throws {
        let lost = try session()
        try database.connect().execute("SELECT pg_terminate_backend(\(lost), 10000)")
        #expect(try session() != lost)
        #expect(
            events.all == [.connectionOpened, .roundTrip, .connectionLost, .connectionOpened, .roundTrip])
    }

    @Test func aFailedAttemptToConnectIsReported() throws {
        var configuration = try PostgresConfiguration("host=/nonexistent")
        configuration.observe = { [events] in events.add($0) }
        let unreachable = Connection(configuration)
        #expect(throws: PostgresError.self) { try unreachable.query("SELECT 1") }
        #expect(events.all == [.failed(sqlClass: nil)])
    }
}
