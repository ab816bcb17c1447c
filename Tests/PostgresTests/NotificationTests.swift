import Foundation
import Postgres
import TestSupport
import Testing

@Suite struct NotificationTests {
    let database: TestDatabase
    let connection: Connection
    let other: Connection

    init() throws {
        database = try TestDatabase.make(isMigrated: false)
        connection = database.connect()
        other = database.connect()
    }

    private static let timeout = Duration.seconds(30)

    private func notify(_ payload: String, on channel: String = "news") throws {
        _ = try other.query("SELECT pg_notify(\(channel), \(payload))")
    }

    private func payloads(waiting limit: Duration = timeout) throws -> [String] {
        try connection.notifications(waiting: limit).map(\.payload)
    }

    /// Runs the body on another thread, with the process that serves `connection`.
    private func whileWaiting(_ body: @escaping @Sendable (Connection, _ process: Int) throws -> Void) throws {
        let process = try #require(try connection.query("SELECT pg_backend_pid()").first?.decode(Int.self))
        let database = database
        Thread.detachNewThread {
            let other = database.connect()
            do { try body(other, process) } catch { Issue.record(error) }
        }
    }

    @Test func channelsAndPayloadsArrive() throws {
        let quoted = "a \"quoted\" Channel"
        try connection.listen(to: ["news", quoted])
        try other.transaction { _ in
            try notify("first")
            try notify("", on: "elsewhere")
            try notify("second", on: quoted)
            try notify("")
        }
        #expect(
            try connection.notifications(waiting: Self.timeout) == [
                Postgres.Notification(channel: "news", payload: "first"),
                Postgres.Notification(channel: quoted, payload: "second"),
                Postgres.Notification(channel: "news", payload: ""),
            ])
        #expect(try payloads(waiting: .zero).isEmpty)
    }

    @Test func waitEndsWithANotification() throws {
        try connection.listen(to: ["news"])
        try whileWaiting { other, _ in _ = try other.query("SELECT pg_notify('news', 'now')") }
        #expect(try payloads() == ["now"])
    }

    @Test func waitEndsAfterTheTimeout() throws {
        try connection.listen(to: ["news"])
        var received: [String] = []
        let duration = try ContinuousClock().measure { received = try payloads(waiting: .milliseconds(50)) }
        #expect(received.isEmpty)
        #expect(duration >= .milliseconds(50) && duration < Self.timeout)
    }

    @Test func readableDescriptorEndsTheWait() throws {
        try connection.listen(to: ["news"])
        let pipe = Pipe()
        try whileWaiting { _, _ in pipe.fileHandleForWriting.write(Data([1])) }
        let reading = pipe.fileHandleForReading.fileDescriptor
        var received: [Postgres.Notification] = []
        let duration = try ContinuousClock().measure {
            received = try connection.notifications(waiting: Self.timeout, unlessReadable: reading)
        }
        #expect(received.isEmpty)
        #expect(duration < Self.timeout)
        // The descriptor is still readable, and notifications are delivered nevertheless.
        try notify("also")
        _ = try connection.query("SELECT 1")
        #expect(
            try connection.notifications(waiting: Self.timeout, unlessReadable: reading).map(\.payload) == ["also"])
    }

    @Test func nothingIsLostDuringStatements() throws {
        try connection.listen(to: ["news"])
        try notify("idle")
        try connection.transaction { connection in
            _ = try connection.query("SELECT 1")
            try notify("within")
            _ = try connection.query("SELECT pg_notify('news', 'own')")
        }
        try connection.execute(unsafeScript: "SELECT 1; SELECT 2")
        #expect(throws: PostgresError.self) { try connection.query("SELECT 1/0") }
        #expect(try payloads() == ["idle", "within", "own"])
    }

    @Test func lossWhileWaitingIsAnError() throws {
        try connection.listen(to: ["news"])
        try whileWaiting { other, process in try other.execute("SELECT pg_terminate_backend(\(process))") }
        let error = #expect(throws: PostgresError.self) { try payloads() }
        #expect(error?.kind == .connectionLost)
        #expect(throws: PostgresError.self) { try payloads(waiting: .zero) }
        try connection.listen(to: ["news"])
        try notify("again")
        #expect(try payloads() == ["again"])
    }

    /// A statement silently opens a new connection, which does not listen.
    @Test func lossIsAnErrorEvenIfAStatementReopenedTheConnection() throws {
        try connection.listen(to: ["news"])
        let process = try #require(try connection.query("SELECT pg_backend_pid()").first?.decode(Int.self))
        try other.execute("SELECT pg_terminate_backend(\(process), 10000)")
        #expect(try connection.query("SELECT 1").count == 1)
        let error = #expect(throws: PostgresError.self) { try payloads(waiting: .zero) }
        #expect(error?.kind == .connectionLost)
        try connection.listen(to: ["news"])
        #expect(try payloads(waiting: .zero).isEmpty)
    }

    @Test func waitingWithoutListeningIsAnError() throws {
        let error = #expect(throws: PostgresError.self) { try payloads(waiting: .zero) }
        #expect(error?.kind == .connectionLost)
    }

    @Test func transactionsNeitherListenNorWait() throws {
        try connection.listen(to: ["news"])
        try connection.transaction { connection in
            let listening = #expect(throws: PostgresError.self) { try connection.listen(to: ["more"]) }
            #expect(listening?.kind == .server(.activeTransaction))
            let waiting = #expect(throws: PostgresError.self) { try payloads(waiting: .zero) }
            #expect(waiting?.kind == .server(.activeTransaction))
        }
        #expect(try payloads(waiting: .zero).isEmpty)
    }

    @Test func poolerInTransactionModeCannotListen() throws {
        var configuration = database.owner
        #expect(configuration.canListen)
        configuration.preparesStatements = false
        #expect(!configuration.canListen)
        let connection = Connection(configuration)
        let error = #expect(throws: PostgresError.self) { try connection.listen(to: ["news"]) }
        #expect(error?.kind == .server(.featureNotSupported))
    }
}
