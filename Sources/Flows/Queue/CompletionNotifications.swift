package import Postgres

/// How this process learns that runs have ended: by notifications, if its session supports them, and by queries. It is
/// used by one thread.
///
/// After an error, notifications may have been lost until `listen` has returned true.
package final class CompletionNotifications {
    private static let channel = "flow_end"

    /// Also used to read the runs that have ended.
    package let connection: Connection
    /// The id of this process in the table of watchers.
    private let watcher: String
    private let observe: @Sendable (any Error) -> Void
    private var isListening = false
    private var isAvailable = true

    /// - Parameters:
    ///   - watcher: a UUID that was never used before.
    ///   - observe: called when the database is unavailable; then not again until it has been available.
    init(watcher: String, on connection: Connection, observe: @escaping @Sendable (any Error) -> Void) {
        self.watcher = watcher
        self.connection = connection
        self.observe = observe
    }

    /// Starts to listen if necessary. True if it has just started, so that every run must be registered; false also if
    /// the connection cannot listen.
    package func listen() throws -> Bool {
        guard connection.configuration.canListen, !isListening else { return false }
        try trackingAvailability { try connection.listen(to: [Self.channel]) }
        isListening = true
        return true
    }

    /// Registers these runs for notification. It does not report runs that have already ended: a later query finds
    /// those.
    package func register(_ runs: [String]) throws {
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
    package func unregister(_ runs: [String]) throws {
        guard isListening, !runs.isEmpty else { return }
        try trackingAvailability {
            try connection.execute(
                "DELETE FROM watchers WHERE execution_id = ANY(\(runs)::uuid[]) AND watcher = \(watcher)")
        }
    }

    /// The runs among these that have ended.
    package func ended(among runs: [String]) throws -> [String] {
        guard !runs.isEmpty else { return [] }
        return try trackingAvailability {
            try connection.query("SELECT id FROM executions WHERE id = ANY(\(runs)::uuid[]) AND status <> 'running'")
                .map { try $0.decode(String.self) }
        }
    }

    /// Waits for the notification that a run has ended, until the limit has passed or the descriptor is readable.
    /// Returns the runs that have ended, which may include runs that only other processes watch. Nil, at once, if it
    /// does not listen.
    package func wait(for limit: Duration, unlessReadable descriptor: Int32) throws -> Set<String>? {
        guard isListening else { return nil }
        return try trackingAvailability {
            Set(try connection.notifications(waiting: limit, unlessReadable: descriptor).map(\.payload))
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
