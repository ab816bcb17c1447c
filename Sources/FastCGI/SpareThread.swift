import Synchronization
import System

/// What one thread does, for the pool's timer: an odd number while it serves, another one with each change. Only its
/// thread changes it, so that this costs two stores a request.
final class ThreadProgress: Sendable {
    private let value = Atomic<UInt64>(0)

    func change() { value.store(value.load(ordering: .relaxed) &+ 1, ordering: .relaxed) }

    /// Nil while the thread waits for work.
    var work: UInt64? {
        let now = value.load(ordering: .relaxed)
        return now & 1 == 1 ? now : nil
    }
}

/// Answers calls while all other threads of the pool are blocked: each of them has served one call for longer than the
/// limit. Its handler refuses what those would do, so that a call waits no longer than that.
///
/// The pool's timer decides; the thread sleeps in the meantime.
final class SpareThread: Sendable {
    private let threads: [ThreadProgress]
    private let limit: Duration
    private let state: Mutex<State>
    private let isOrdered = Atomic(false)
    private let mustEnd = Atomic(false)
    private let wakeUp: WakeUp
    private let thread = Mutex<NativeThread?>(nil)

    private struct State {
        var works: [UInt64?]
        /// Since when no thread has begun or ended a call; nil while one of them is free.
        var since: Monotonic?
    }

    init(watching threads: [ThreadProgress], limit: Duration) throws(FastCGIError) {
        self.threads = threads
        self.limit = limit
        state = Mutex(State(works: threads.map { _ in nil }))
        wakeUp = try .make()
    }

    /// Whether the others are blocked now, also between two ticks.
    var isNeeded: Bool { isOrdered.load(ordering: .relaxed) && threads.allSatisfy { $0.work != nil } }

    /// - Parameter serve: serves one ready connection, if there is one before a short time has passed; false when the
    ///   pool ends.
    func start(_ serve: @escaping @Sendable () -> () -> Bool) throws(FastCGIError) {
        let started = try NativeThread.start { [self] in
            let serve = serve()
            while !mustEnd.load(ordering: .acquiring) {
                wakeUp.wait()
                _ = wakeUp.clear()
                while isOrdered.load(ordering: .relaxed), !mustEnd.load(ordering: .acquiring) {
                    guard serve() else { return }
                }
            }
        }
        thread.withLock { $0 = started }
    }

    /// Looks at the other threads. Returns whether they are blocked, if that has changed.
    func tick(at now: Monotonic = .now) -> Bool? {
        let areBlocked = state.withLock { state in
            let works = threads.map(\.work)
            defer { state.works = works }
            guard works == state.works, works.allSatisfy({ $0 != nil }) else {
                state.since = nil
                return false
            }
            let since = state.since ?? now
            state.since = since
            return now - since >= limit
        }
        guard areBlocked != isOrdered.exchange(areBlocked, ordering: .relaxed) else { return nil }
        if areBlocked { wakeUp.signal() }
        return areBlocked
    }

    func stop() {
        mustEnd.store(true, ordering: .releasing)
        wakeUp.signal()
        let running = thread.withLock { thread in
            defer { thread = nil }
            return thread
        }
        running?.join()
    }
}
