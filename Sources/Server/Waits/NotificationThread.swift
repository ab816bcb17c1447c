import App
import Postgres
import Synchronization
import System

/// The thread of a worker process that records and begins attempts of notifications, on a connection of its own. It
/// sends nothing itself: the thread of the `HTTPDriver` does. The first notification that is due starts it.
final class NotificationThread: Sendable {
    private let thread: BackgroundThread<Void>
    private let notifier: EndNotifier
    private let database: PostgresConfiguration
    private let observe: @Sendable (any Error) -> Void
    /// Until when attempts are begun after `stop`.
    private let end = Mutex<Monotonic?>(nil)

    /// - Parameter observe: receives the error of a round that has failed; there is another one a second later.
    init(
        _ notifier: EndNotifier, _ database: PostgresConfiguration,
        observe: @escaping @Sendable (any Error) -> Void
    ) throws(ProcessError) {
        thread = try BackgroundThread(())
        self.notifier = notifier
        var database = database
        // A process that stops does not wait longer.
        database.statementTimeout = .seconds(3)
        database.answerTimeout = .seconds(4)
        self.database = database
        self.observe = observe
    }

    /// Begins the attempts that are due, soon.
    func wake() throws(ProcessError) { try thread.add(running: { [self] in run() }) { _ in } }

    /// Ends the thread when the attempts that are being made have ended and are recorded.
    ///
    /// - Parameter limit: how long attempts that are due are still begun.
    func stop(after limit: Duration = .zero) {
        end.withLock { $0 = .now + limit }
        thread.stop()
    }

    private func run() {
        let connection = Connection(database)
        while true {
            let isStopped = thread.isStopped
            let mayBegin = !isStopped || end.withLock { $0.map { $0 > .now } ?? false }
            if !mayBegin, !notifier.isBusy { return }
            var wait = Duration.seconds(isStopped ? 1 : 3_600)
            do {
                let begun = try notifier.round(on: connection, claiming: mayBegin) { [thread] in
                    thread.wakeUp.signal()
                }
                if isStopped, begun == 0, !notifier.isBusy { return }
            } catch {
                connection.rollback()
                observe(error)
                // What could not be recorded when the process stops is attempted again by another one.
                if isStopped { return }
                wait = .seconds(1)
            }
            thread.wakeUp.wait(until: .now + wait)
        }
    }
}
