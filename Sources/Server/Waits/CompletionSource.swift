import Crypto
import Postgres
import System

/// How this process learns of the ends of runs: it is told, where sessions are its own, and can look. Belongs to one
/// thread.
///
/// After an error it may have missed what it was to be told, until `listen` has returned true.
final class CompletionSource {
    private static let channel = "flow_end"

    /// Also for whoever wants to know more of a run that is over.
    let connection: Connection
    /// What this process is called among those who wait.
    private let watcher = UUIDv7.make()
    private let observe: @Sendable (any Error) -> Void
    private var isListening = false
    private var isAvailable = true

    /// - Parameter observe: called when the database cannot be asked; not again before it could be.
    init(on connection: Connection, observe: @escaping @Sendable (any Error) -> Void) {
        self.connection = connection
        self.observe = observe
    }

    /// Whether it had to begin to listen, so that every run is to be registered; always false where it cannot.
    func listen() throws -> Bool {
        guard connection.configuration.canListen, !isListening else { return false }
        try trackingAvailability { try connection.listen(to: [Self.channel]) }
        isListening = true
        return true
    }

    /// Has the ends of these runs told. Only a look that comes later shows those that are over already.
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

    /// Takes that back. A run that ends does so by itself, unless it ended before it was registered.
    func unregister(_ runs: [String]) throws {
        guard isListening, !runs.isEmpty else { return }
        try trackingAvailability {
            try connection.execute(
                "DELETE FROM watchers WHERE execution_id = ANY(\(runs)::uuid[]) AND watcher = \(watcher)")
        }
    }

    /// Those of the runs that are over.
    func over(among runs: [String]) throws -> [String] {
        guard !runs.isEmpty else { return [] }
        return try trackingAvailability {
            try connection.query("SELECT id FROM executions WHERE id = ANY(\(runs)::uuid[]) AND status <> 'running'")
                .map { try $0.decode(String.self) }
        }
    }

    /// WaitingCalls until the end of some run is told, the bell rings, or the deadline, if there is one, has passed; the runs
    /// that are over, some of them perhaps watched by others only.
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

    /// After an error nothing may be told any more.
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
