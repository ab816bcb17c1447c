import Postgres
import Synchronization
import System

/// Answers waiting calls whose runs have large records, with a thread and a connection of their own: one call at a
/// time, and the users by turns. So other waiting calls are answered in the meantime, and large answers occupy at most
/// one thread of the process besides those that `CallShares` counts.
///
/// The first such call starts the thread.
final class LargeAnswers: Sendable {
    /// Answers a call; false: later, because the database is unavailable.
    typealias Answer = @Sendable (Connection) -> Bool

    private struct Shared {
        var line = Turns<Answer>()
        var thread: NativeThread?
        var isStopped = false
    }

    private let database: PostgresConfiguration
    private let wakeUp: WakeUp
    private let shared = Mutex(Shared())

    init(_ database: PostgresConfiguration) throws(ProcessError) {
        self.database = database
        wakeUp = try WakeUp()
    }

    /// Ends the thread. The edge answers the calls that are left.
    func stop() {
        let thread = shared.withLock { shared in
            shared.isStopped = true
            return shared.thread.take()
        }
        wakeUp.signal()
        thread?.join()
    }

    /// Calls `answer` on the thread when it is the user's turn, and again in the next round while it returns false. A
    /// round in which all have returned false is followed by a pause of a second.
    func add(for userID: String, _ answer: @escaping Answer) throws(ProcessError) {
        try shared.withLock { shared throws(ProcessError) in
            if shared.thread == nil { shared.thread = try NativeThread { [self] in work() } }
            shared.line.add(answer, for: userID)
        }
        wakeUp.signal()
    }

    private func work() {
        let connection = Connection(database)
        var failures = 0
        while !shared.withLock(\.isStopped) {
            guard let (userID, answer) = shared.withLock({ $0.line.next() }) else {
                wakeUp.wait()
                continue
            }
            guard !answer(connection) else {
                failures = 0
                continue
            }
            failures += 1
            let count = shared.withLock { shared in
                shared.line.add(answer, for: userID)
                return shared.line.count
            }
            guard failures >= count else { continue }
            failures = 0
            wakeUp.wait(until: .now + .seconds(1))
        }
    }
}
