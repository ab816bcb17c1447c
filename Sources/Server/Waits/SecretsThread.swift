import App
import Postgres
import System

/// The thread of a worker process that waits for AWS Secrets Manager: it reads the values of credentials for steps, in
/// the order in which they are asked for, and otherwise removes those that are no longer needed, on a connection of its
/// own.
final class SecretsThread: Sendable {
    typealias Job = @Sendable () -> Void

    /// How long after a removal that had nothing to do, or failed, the next one is.
    private static let interval = Duration.seconds(5)

    private let thread: BackgroundThread<[Job]>

    init() throws(ProcessError) { thread = try BackgroundThread([]) }

    /// Runs a job soon. There are as many as there are external calls at once.
    func add(_ job: @escaping Job) {
        thread.withWork { $0.append(job) }
        thread.wakeUp.signal()
    }

    /// - Parameter observe: receives the error of a failed removal.
    func start(
        removingFrom credentials: CredentialStore, _ database: PostgresConfiguration,
        observe: @escaping @Sendable (any Error) -> Void
    ) throws(ProcessError) {
        try thread.add(running: { [self] in run(credentials, Connection(database), observe) }) { _ in }
    }

    /// Ends the thread when its present job has ended, at the latest after the time limits of the requests to AWS. Jobs
    /// that wait are not run.
    func stop() { thread.stop() }

    private func run(_ credentials: CredentialStore, _ connection: Connection, _ observe: (any Error) -> Void) {
        var nextRemoval = Monotonic.now
        while !thread.isStopped {
            if let job = thread.withWork({ $0.isEmpty ? nil : $0.removeFirst() }) {
                job()
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
