import App
import Postgres
import System

/// The thread of a worker process that waits for AWS Secrets Manager: it reads the values of credentials for steps, of
/// one user after the other, and otherwise removes those that are no longer needed, on a connection of its own.
final class SecretsThread: Sendable {
    typealias Job = @Sendable () -> Void

    /// How long after a removal that had nothing to do, or failed, the next one is.
    private static let interval = Duration.seconds(5)

    private let thread: BackgroundThread<Turns<Job>>

    init() throws(ProcessError) { thread = try BackgroundThread(Turns()) }

    /// Runs a job soon. The jobs of calls that have ended do nothing.
    func add(of userID: String, _ job: @escaping Job) {
        thread.withWork { $0.add(job, for: userID) }
        thread.wakeUp.signal()
    }

    /// - Parameter observe: receives the error of a failed removal.
    func start(
        removingFrom credentials: CredentialStore, _ database: PostgresConfiguration,
        observe: @escaping @Sendable (any Error) -> Void
    ) throws(ProcessError) {
        try thread.add(running: { [self] in run(credentials, Self.connection(to: database), observe) }) { _ in }
    }

    /// Its statements take no longer than requests to AWS, so that a process that stops does not wait for them.
    private static func connection(to database: PostgresConfiguration) -> Connection {
        var database = database
        database.statementTimeout = .seconds(3)
        database.answerTimeout = .seconds(4)
        return Connection(database)
    }

    /// Ends the thread when its present job has ended, at the latest after the time limits of the requests to AWS. Jobs
    /// that wait are not run.
    func stop() { thread.stop() }

    private func run(_ credentials: CredentialStore, _ connection: Connection, _ observe: (any Error) -> Void) {
        var nextRemoval = Monotonic.now
        while !thread.isStopped {
            if let turn = thread.withWork({ $0.next() }) {
                turn.element()
            } else if nextRemoval > .now {
                thread.wakeUp.wait(until: nextRemoval)
            } else {
                nextRemoval = .now + Self.interval
                do {
                    if try credentials.removeSome(on: connection) { nextRemoval = .now }
                } catch {
                    connection.rollback()
                    observe(error)
                }
            }
        }
    }
}
