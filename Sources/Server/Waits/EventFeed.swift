import App
import Flows
import HTTP
import Postgres
import System

/// Passes on the events of runs to the calls of this process that read them, with one thread and one connection for all
/// of them. The first call starts the thread.
///
/// A call keeps nothing here but its place in the log: calls at the same place share what is read, and a slow client
/// gets later what it has not taken. While the database is unavailable, nothing is passed on.
final class EventFeed: Sendable {
    private let database: PostgresConfiguration
    private let observe: Observer
    private let thread: BackgroundThread<[EventSubscription]>

    init(_ database: PostgresConfiguration, observe: @escaping Observer) throws(ProcessError) {
        var database = database
        // A page is answered soon after its deadline, also if the database is not.
        database.statementTimeout = .seconds(4)
        database.answerTimeout = .seconds(5)
        self.database = database
        self.observe = observe
        thread = try BackgroundThread([])
    }

    /// Begins to pass on events to the call. Throws if the thread cannot be started.
    func subscribe(_ subscription: EventSubscription) throws(ProcessError) {
        try thread.add(running: { [self] in run() }) { $0.append(subscription) }
    }

    /// Ends the thread. The edge ends the calls.
    func stop() { thread.stop() }

    private func run() {
        var round = EventRound(Connection(database), observe: observe)
        while !thread.isStopped {
            thread.wakeUp.clear()
            let arrived = thread.withWork { work in
                defer { work = [] }
                return work
            }
            round.run(with: arrived)
            thread.wakeUp.wait(until: round.next)
        }
        round.leave()
    }
}
