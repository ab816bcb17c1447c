import App
import Flows
import HTTP
import Postgres
import System

/// Answers the calls of this process that wait for runs to end, with one thread and one connection for all of them, and
/// `LargeAnswers` for those of runs with large records.
///
/// The first call that waits starts the thread. A call of a disconnected client is removed within a second. While
/// the database is unavailable, no end of a run is noticed, and each call is answered at its deadline.
final class CompletionWatcher: Sendable {
    private struct Call {
        let wait: CompletionWait
        let pending: PendingResponse
        let deadline: Monotonic
    }

    private let database: PostgresConfiguration
    private let observe: @Sendable (any Error) -> Void
    private let large: LargeAnswers
    private let thread: BackgroundThread<WaitingCalls<Call>>

    /// - Parameter observe: called on the thread when the database is unavailable; then not again until it has been
    ///   available.
    init(
        _ database: PostgresConfiguration, observe: @escaping @Sendable (any Error) -> Void
    ) throws(ProcessError) {
        var database = database
        // Calls at their deadline also wait for this connection, and the web server waits for them at most 10 s longer.
        database.statementTimeout = .seconds(4)
        database.answerTimeout = .seconds(5)
        self.database = database
        self.observe = observe
        large = try LargeAnswers(database)
        thread = try BackgroundThread(WaitingCalls())
    }

    /// Ends the threads. The edge answers the calls that still wait.
    func stop() {
        thread.stop()
        large.stop()
    }

    /// Sends the response when the run has ended or the timeout has passed.
    func add(_ wait: CompletionWait, _ pending: PendingResponse) throws(ProcessError) {
        let call = Call(wait: wait, pending: pending, deadline: .now + wait.timeout)
        try thread.add(running: { [self] in watch() }) {
            $0.add(call, for: call.wait.executionID, until: call.deadline)
        }
    }
}

extension CompletionWatcher {
    private func watch() {
        let ends = Engine.subscribe(on: Connection(database), observe: observe)
        while !thread.isStopped {
            thread.wakeUp.clear()
            // A failed operation is retried in the next round.
            try? query(ends)
            try? removeExpired(ends)
            let ended = try? wait(for: ends)
            answer(thread.withWork { $0.end(ended ?? []) }, ends)
        }
        try? ends.unregister(thread.withWork(\.all))
    }

    /// Waits for the notification that a run has ended, the wake-up, or the time of the next query or deadline.
    private func wait(for ends: CompletionNotifications) throws -> Set<String> {
        let next = thread.withWork(\.next)
        let limit = next.map { $0 - .now } ?? .seconds(3_600)
        if let ended = try ends.wait(for: limit, unlessReadable: thread.wakeUp.descriptor) { return ended }
        thread.wakeUp.wait(until: next)
        return []
    }

    /// Registers new runs, and answers the calls of all runs that have ended.
    private func query(_ ends: CompletionNotifications) throws {
        var (new, registered) = thread.withWork { $0.query(at: .now) }
        guard !new.isEmpty || !registered.isEmpty else { return }
        if try ends.listen() { (new, registered) = (thread.withWork(\.all), []) }
        try ends.register(new)
        let over = try ends.ended(among: new + registered)
        answer(thread.withWork { $0.end(over) }, ends)
        try ends.unregister(over)
    }

    /// Answers the calls after their deadline.
    private func removeExpired(_ ends: CompletionNotifications) throws {
        let (late, abandoned) = thread.withWork {
            $0.removeExpired(at: .now, isDisconnected: \.pending.isDisconnected)
        }
        answer(late, ends)
        try ends.unregister(abandoned)
    }

    /// A call waits again if its answer fails because the database is unavailable.
    private func answer(_ calls: [Call], _ ends: CompletionNotifications) {
        for call in calls where !answer(call, on: ends.connection) {
            thread.withWork { $0.add(call, for: call.wait.executionID, until: call.deadline) }
        }
    }

    /// Answers the call, or leaves it to `large`, unless the client has disconnected. False if the database is
    /// unavailable and the call's deadline permits another attempt.
    private func answer(_ call: Call, on connection: Connection) -> Bool {
        if call.pending.isDisconnected { return true }
        guard let response = call.wait.response(connection, false) else {
            do {
                try large.add(for: call.wait.userID) { [self] in answerLarge(call, on: $0) }
                return true
            } catch {
                return answerLarge(call, on: connection)
            }
        }
        return send(response, to: call)
    }

    /// The same for a call with a large record. Once the deadline has passed there is no time left to read it.
    private func answerLarge(_ call: Call, on connection: Connection) -> Bool {
        if call.pending.isDisconnected { return true }
        if call.deadline <= .now {
            call.pending.send(call.wait.fallback())
            return true
        }
        return send(call.wait.response(connection, true) ?? call.wait.fallback(), to: call)
    }

    private func send(_ response: Response, to call: Call) -> Bool {
        if response.status == .unavailable, .now < call.deadline { return false }
        call.pending.send(response)
        return true
    }
}
