import App
import Postgres
import System

/// Fetches the e-mails of Clerk's users after their calls, on a thread and a connection of its own, one at a time.
final class EmailFetcher: Sendable {
    private let thread: BackgroundThread<EmailQueue>
    private let users: ClerkUsers
    private let database: PostgresConfiguration
    private let observe: @Sendable (any Error) -> Void

    /// - Parameter observe: receives the error of a failed attempt; after one of the service there is a pause of a
    ///   minute.
    init(
        _ users: ClerkUsers, _ database: PostgresConfiguration, observe: @escaping @Sendable (any Error) -> Void
    ) throws(ProcessError) {
        thread = try BackgroundThread(EmailQueue())
        self.users = users
        self.database = database
        self.observe = observe
    }

    /// Fetches the e-mail of a user soon; does nothing if that was attempted in the last hour. It never waits.
    func add(_ user: EmailQueue.User) {
        guard thread.withWork({ $0.add(user, at: .now) }) else { return }
        // Without a thread, the next user starts one.
        try? thread.add(running: { [self] in run() }) { _ in }
    }

    /// Ends the thread, when the request that is being sent has its answer.
    func stop() { thread.stop() }

    private func run() {
        let connection = Connection(database)
        while !thread.isStopped {
            switch thread.withWork({ $0.next(at: .now) }) {
            case .nothing: thread.wakeUp.wait()
            case .wait(let duration): thread.wakeUp.wait(until: .now + duration)
            case .fetch(let user):
                do {
                    try users.updateEmail(of: user, on: connection)
                    thread.withWork { $0.ended(user) }
                } catch {
                    connection.rollback()
                    let isOfUser = (error as? ClerkUsers.Failure)?.concernsOneUser == true
                    thread.withWork { $0.failed(user, at: .now, isOfService: !isOfUser) }
                    observe(error)
                }
            }
        }
    }
}
