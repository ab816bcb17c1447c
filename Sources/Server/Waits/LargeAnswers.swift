import Postgres
import System

/// Answers waiting calls of runs with large records, with a thread and a connection of their own: one call at a
/// time, and the users by turns. So other waiting calls are answered in the meantime, and large answers occupy at most
/// one thread of the process besides those that `CallShares` counts.
///
/// The first such call starts the thread.
final class LargeAnswers: Sendable {
    /// Answers a call; false: later, because the database is unavailable.
    typealias Answer = @Sendable (Connection) -> Bool

    private let database: PostgresConfiguration
    private let thread: BackgroundThread<Turns<Answer>>

    init(_ database: PostgresConfiguration) throws(ProcessError) {
        self.database = database
        thread = try BackgroundThread(Turns())
    }

    /// Ends the thread. The edge answers the calls that are left.
    func stop() { thread.stop() }

    /// Calls `answer` on the thread when it is the user's turn, and again in the next round while it returns false. A
    /// round in which all have returned false is followed by a pause of a second.
    func add(for userID: String, _ answer: @escaping Answer) throws(ProcessError) {
        try thread.add(running: { [self] in work() }) { $0.add(answer, for: userID) }
    }

    private func work() {
        let connection = Connection(database)
        var failures = 0
        while !thread.isStopped {
            guard let (userID, answer) = thread.withWork({ $0.next() }) else {
                thread.wakeUp.wait()
                continue
            }
            guard !answer(connection) else {
                failures = 0
                continue
            }
            failures += 1
            let count = thread.withWork { line in
                line.add(answer, for: userID)
                return line.count
            }
            guard failures >= count else { continue }
            failures = 0
            thread.wakeUp.wait(until: .now + .seconds(1))
        }
    }
}
