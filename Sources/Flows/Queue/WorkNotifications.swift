package import Postgres

/// How an idle worker process learns at once that a run is due: it registers, and the transaction that makes a run due
/// notifies one registered process. It is used by one thread.
///
/// Behind a pooler in transaction mode there are no notifications: the worker polls instead.
package final class WorkNotifications {
    private static let channel = "flow_work"

    package let connection: Connection
    /// The name of this process in notifications.
    private let worker: String
    private var isListening = false

    /// - Parameter worker: a UUID that was never used before.
    init(worker: String, on connection: Connection) {
        self.worker = worker
        self.connection = connection
    }

    /// Registers this process for one notification.
    package func register() throws {
        guard connection.configuration.canListen else { return }
        if !isListening { try connection.listen(to: [Self.channel]) }
        isListening = true
        try Queue.registerIdle(worker, on: connection)
    }

    package func unregister() throws {
        guard isListening else { return }
        try Queue.unregisterIdle(worker, on: connection)
    }

    /// Waits for a notification until the limit has passed or the descriptor is readable. True if this process was
    /// notified; a notification for another process ends the wait as well. Nil, at once, if it does not listen.
    ///
    /// After an error it does not listen until `register` is called.
    package func wait(for limit: Duration, unlessReadable descriptor: Int32) throws -> Bool? {
        guard isListening else { return nil }
        do {
            let received = try connection.notifications(waiting: limit, unlessReadable: descriptor)
            return received.contains { $0.payload == worker }
        } catch {
            isListening = false
            throw error
        }
    }
}
