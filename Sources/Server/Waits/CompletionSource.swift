import Crypto
import Postgres
import System

/// How this process learns that runs have ended: by notifications, if its session supports them, and by queries. It is
/// used by one thread.
///
/// After an error, notifications may have been lost until `listen` has returned true.
final class CompletionSource {
    private static let channel = "flow_end"

    /// Also used to read the runs that have ended.
    let connection: Connection
    /// The id of this process in the table of watchers.
    private let watcher = UUIDv7.make()
    private let observe: @Sendable (any Error) -> Void
    private var isListening = false
    private var isAvailable = true

    /// - Parameter observe: called when the database is unavailable; then not again until it has been available.
    init(on connection: Connection, observe: @escaping @Sendable (any Error) -> Void) {
        self.connection = connection
        self.observe = observe
    }

    /// Starts to listen if necessary. True if it has just started, so that every run must be registered; false also if
    /// the connection cannot listen.
    func listen() throws -> Bool {
        guard connection.configuration.canListen, !isListening else { return false }
        try trackingAvailability { try connection.listen(to: [Self.channel]) }
        isListening = true
        return true
    }

    /// Registers these runs for notification. It does not report runs that have already ended: a later query finds
    /// those.
    func register(_ runs: [String]) throws {
        guard isListening, !runs.isEmpty else { return }
        try trackingAvailability {
            try connection.execute(
                """
                INSERT INTO watchers (execution_id, watcher)
                SELECT run, \(watcher)::uuid FROM unnest(\(runs)::uuid[]) AS run ON CONFLICT DO NOTHING
                """)
        }
    }

    /// Removes the registrations. The end of a run removes its own, unless the run ended before it was registered.
    func unregister(_ runs: [String]) throws {
        guard isListening, !runs.isEmpty else { return }
        try trackingAvailability {
            try connection.execute(
                "DELETE FROM watchers WHERE execution_id = ANY(\(runs)::uuid[]) AND watcher = \(watcher)")
        }
    }

    /// The runs among these that have ended.
    func over(among runs: [String]) throws -> [String] {
        guard !runs.isEmpty else { return [] }
        return try trackingAvailability {
            try connection.query("SELECT id FROM executions WHERE id = ANY(\(runs)::uuid[]) AND status <> 'running'")
                .map { try $0.decode(String.self) }
        }
    }

    /// Waits for the notification that a run has ended, the bell, or the deadline if there is one. Returns the runs
    /// that have ended, which may include runs that only other processes watch.
    func wait(_ bell: Bell, until deadline: Monotonic?) throws -> Set<String> {
        guard isListening else {
            bell.wait(until: deadline)
            return []
        }
        let limit = deadline.map { $0 - .now } ?? .seconds(3_600)
        return try trackingAvailability {
            Set(try connection.notifications(waiting: limit, unlessReadable: bell.descriptor).map(\.payload))
        }
    }

    /// After an error, the connection no longer listens.
    @discardableResult
    private func trackingAvailability<Value>(_ body: () throws -> Value) throws -> Value {
        do {
            let value = try body()
            isAvailable = true
            return value
        } catch {
            if isAvailable { observe(error) }
            isAvailable = false
            isListening = false
            throw error
        }
    }
}
