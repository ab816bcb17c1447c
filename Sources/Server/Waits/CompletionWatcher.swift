import App
import HTTP
import Postgres
import System
import Synchronization

/// Answers the calls of this process that wait for runs to end: one thread and one connection for all of them.
///
/// Both begin with the first call that waits. A call whose caller has left is forgotten within a second. While the
/// database is away nobody learns of an end, and each call is answered when its time is up.
final class CompletionWatcher: Sendable {
    private struct Call {
        let wait: Wait
        let parked: Parked
        let until: Monotonic
    }

    private struct Shared {
        var waits = WaitingCalls<Call>()
        var thread: NativeThread?
        var isLeaving = false
    }

    private let database: PostgresConfiguration
    private let observe: @Sendable (any Error) -> Void
    private let bell: Bell
    private let shared = Mutex(Shared())

    /// - Parameter observe: called on the thread when the database cannot be asked; not again before it could be.
    init(
        _ database: PostgresConfiguration, observe: @escaping @Sendable (any Error) -> Void
    ) throws(ProcessError) {
        var database = database
        // Those whose time is up wait for this connection too, and the web server for them no longer than 10 s more.
        database.statementTimeout = .seconds(4)
        database.answerTimeout = .seconds(5)
        self.database = database
        self.observe = observe
        bell = try Bell()
    }

    /// The reply that waits, with the answer for a caller who cannot.
    func later(_ wait: Wait, otherwise: Response) -> Later {
        Later(otherwise: otherwise) { [self] parked in
            do {
                try add(Call(wait: wait, parked: parked, until: .now + wait.limit))
            } catch {
                parked.answer(otherwise)
            }
        }
    }

    /// Ends the thread. Whoever still waits is answered by the edge, which let them wait.
    func leave() {
        let thread = shared.withLock { shared in
            shared.isLeaving = true
            return shared.thread.take()
        }
        bell.ring()
        thread?.join()
    }

    private func add(_ call: Call) throws(ProcessError) {
        try shared.withLock { shared throws(ProcessError) in
            if shared.thread == nil { shared.thread = try NativeThread { [self] in watch() } }
            shared.waits.add(call, for: call.wait.executionID, until: call.until)
        }
        bell.ring()
    }
}

extension CompletionWatcher {
    private func watch() {
        let ends = CompletionSource(on: Connection(database), observe: observe)
        while !shared.withLock(\.isLeaving) {
            bell.hear()
            // What fails is tried again in the next round.
            try? look(ends)
            try? dismiss(ends)
            let told = try? ends.wait(bell, until: shared.withLock(\.waits.next))
            answer(shared.withLock { $0.waits.end(told ?? []) }, ends)
        }
        try? ends.unregister(shared.withLock(\.waits.all))
    }

    /// Registers runs that are new, and answers for those of all that are over.
    private func look(_ ends: CompletionSource) throws {
        var (new, registered) = shared.withLock { $0.waits.look(at: .now) }
        guard !new.isEmpty || !registered.isEmpty else { return }
        if try ends.listen() { (new, registered) = (shared.withLock(\.waits.all), []) }
        try ends.register(new)
        let over = try ends.over(among: new + registered)
        answer(shared.withLock { $0.waits.end(over) }, ends)
        try ends.unregister(over)
    }

    /// Answers those whose time is up.
    private func dismiss(_ ends: CompletionSource) throws {
        let (late, abandoned) = shared.withLock { $0.waits.dismiss(at: .now, hasLeft: \.parked.hasLeft) }
        answer(late, ends)
        try ends.unregister(abandoned)
    }

    /// A connection that is lost just now is no answer as long as there is time for another attempt.
    private func answer(_ calls: [Call], _ ends: CompletionSource) {
        for call in calls where !call.parked.hasLeft {
            let response = call.wait.answer(ends.connection)
            if response.status == .unavailable, .now < call.until {
                shared.withLock { $0.waits.add(call, for: call.wait.executionID, until: call.until) }
            } else {
                call.parked.answer(response)
            }
        }
    }
}
