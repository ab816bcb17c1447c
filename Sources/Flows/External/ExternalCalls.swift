import Synchronization

/// The external calls of one process: it begins them within their limits and keeps their ends until the runs continue.
/// It has no thread: calls begin on the thread that adds one, on that of a call that ends, or on that of a duty.
package final class ExternalCalls: Sendable {
    package struct Limits: Sendable {
        /// The maximum number of calls at once.
        package var atOnce: Int
        /// Of the calls of one user.
        package var perUser: Int
        /// Of the calls of one target, of all users.
        package var perTarget: Int
        /// The maximum number of calls that the process keeps, including those that wait.
        package var kept: Int

        package init(atOnce: Int = 64, perTarget: Int = 8) {
            self.atOnce = atOnce
            perUser = max(1, atOnce / 2)
            self.perTarget = perTarget
            kept = 3 * atOnce
        }
    }

    private struct Entry {
        enum Phase {
            case waiting
            /// `cancel` is nil until `begin` has returned.
            case running(cancel: ExternalCall.Cancel?, isCanceled: Bool)
            case ended(CallEnd?)
        }

        let userID: String
        let type: String
        let call: ExternalCall
        let ready: @Sendable () -> Void
        let added = ContinuousClock.now
        var phase = Phase.waiting
    }

    private struct State {
        var schedule: CallSchedule
        /// By the leases of their runs.
        var entries: [String: Entry] = [:]
    }

    private let limits: Limits
    private let observe: @Sendable (EngineEvent) -> Void
    private let state: Mutex<State>

    /// - Parameter observe: called on any thread.
    package init(_ limits: Limits = Limits(), observe: @escaping @Sendable (EngineEvent) -> Void = { _ in }) {
        self.limits = limits
        self.observe = observe
        state = Mutex(State(schedule: CallSchedule(limits)))
    }

    /// Whether one more call of the user would be kept. As many may wait as may run at once.
    func hasRoom(for userID: String) -> Bool {
        state.withLock {
            $0.entries.count < limits.kept && $0.schedule.waitingCount(of: userID) < limits.perUser
        }
    }

    /// Adds a call, which begins as soon as the limits permit. `ready` is called once, on any thread, when `take` has
    /// its end.
    func add(_ run: ParkedRun, ready: @escaping @Sendable () -> Void) {
        changing { state in
            state.entries[run.lease] = Entry(userID: run.userID, type: run.type, call: run.call, ready: ready)
            state.schedule.add(run.lease, of: run.userID, to: run.call.target)
        }
        beginNext()
    }

    /// Aborts the call of the run, which is then ready without an end; does nothing if it has ended.
    ///
    /// - Parameter ifWaiting: only if the call has not begun.
    func cancel(_ lease: String, ifWaiting: Bool = false) {
        enum Consequence {
            case none
            case ready(@Sendable () -> Void)
            case cancel(ExternalCall.Cancel)
        }
        let consequence = changing { state -> Consequence in
            guard var entry = state.entries[lease] else { return .none }
            defer { state.entries[lease] = entry }
            switch entry.phase {
            case .waiting:
                guard state.schedule.withdraw(lease, of: entry.userID) else { return .none }
                entry.phase = .ended(nil)
                return .ready(entry.ready)
            case .running(let cancel, false) where !ifWaiting:
                entry.phase = .running(cancel: cancel, isCanceled: true)
                return cancel.map { .cancel($0) } ?? .none
            case .running, .ended: return .none
            }
        }
        switch consequence {
        case .none: break
        case .ready(let ready): ready()
        case .cancel(let cancel): cancel()
        }
    }

    /// The end of the call of a run that is ready, which is then forgotten; nil if it was aborted.
    func take(_ lease: String) -> CallEnd? {
        let entry = state.withLock { $0.entries.removeValue(forKey: lease) }
        guard case .ended(let end)? = entry?.phase else { return nil }
        return end
    }

    /// Begins the calls for which there is room by now. Besides the ends of calls, time alone can make room: see
    /// `CallEnd.remains`.
    func beginNext() {
        while let (lease, entry) = changing({ state -> (String, Entry)? in
            guard let lease = state.schedule.next(at: .now) else { return nil }
            state.entries[lease]?.phase = .running(cancel: nil, isCanceled: false)
            return state.entries[lease].map { (lease, $0) }
        }) {
            let begun = ContinuousClock.now
            let cancel = entry.call.begin { [self] end in ended(lease, entry, end, after: .now - begun) }
            let isCanceled = state.withLock { state in
                guard case .running(nil, let isCanceled)? = state.entries[lease]?.phase else { return false }
                state.entries[lease]?.phase = .running(cancel: cancel, isCanceled: isCanceled)
                return isCanceled
            }
            if isCanceled { cancel() }
        }
    }

    private func ended(_ lease: String, _ entry: Entry, _ end: CallEnd, after duration: Duration) {
        let isCanceled = changing { state in
            state.schedule.end(lease, remainingUntil: end.remains > .zero ? .now + end.remains : nil)
            guard case .running(_, let isCanceled)? = state.entries[lease]?.phase else { return true }
            state.entries[lease]?.phase = .ended(isCanceled ? nil : end)
            return isCanceled
        }
        observe(
            .callEnded(
                FinishedCall(
                    type: entry.type, target: entry.call.target, outcome: isCanceled ? "canceled" : end.outcome,
                    isTrouble: end.isTrouble && !isCanceled, duration: duration)))
        entry.ready()
        beginNext()
    }

    /// Changes the state under the lock and reports how many calls more or fewer there are.
    private func changing<Value>(_ body: (inout State) -> Value) -> Value {
        let (value, running, waiting) = state.withLock { state in
            let before = (state.schedule.runningCount, state.schedule.waitingCount)
            let value = body(&state)
            return (value, state.schedule.runningCount - before.0, state.schedule.waitingCount - before.1)
        }
        if running != 0 || waiting != 0 { observe(.callsChanged(running: running, waiting: waiting)) }
        return value
    }
}
