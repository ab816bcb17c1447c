package import System

/// The state machine of a worker: which of its slots polls the queue, and when the worker ends. It performs no IO.
///
/// ```
///         notify               poll                 claimed
///   idle ---------> notified ---------> polling ----------> running
///    ^                                     | nothing           |
///    +-------------------------------------+    notified <-----+ finished
/// ```
///
/// A slot is a thread that executes one run after another. A slot that has claimed a run makes the next idle one poll
/// as well, so that work spreads; one that has finished polls again by itself. An idle slot polls when the process is
/// notified, when a run becomes due that an earlier poll announced, and one of them in each round of the lease keeper.
/// After a failure of the queue idle slots pause, for longer after each failure, until a run ends or waits.
///
/// A run can be parked: it keeps its lease, which is renewed, and occupies no slot. When it is ready, the next slot
/// that asks for an order continues it, before it polls.
///
/// The process registers for a notification while a slot is idle, and is notified once per registration. A run that
/// became due just before the registration notifies no worker, and a poll that began before it may have missed the run.
/// So a slot polls once more after each registration.
package struct WorkerState: Sendable {
    /// What a slot is to do.
    package enum Order: Hashable, Sendable {
        case poll
        /// Continue the parked run; the event `resumed` follows.
        case resume(Lease)
        /// Wait for the wake-up, then get the next order.
        case wait
        case stop
    }

    package enum Action: Hashable, Sendable {
        case wake(slot: Int)
        case wakeKeeper
        case interrupt(slot: Int, Interruption)
        case interruptParked(Lease, Interruption)
        /// All slots have ended, or the worker no longer waits for the rest. In the second case the action is repeated
        /// when all have ended.
        case end
    }

    /// Whether a slot that has claimed a run executes it.
    package enum Permission: Hashable, Sendable {
        case run
        /// Wait for the wake-up, then ask again.
        case wait
        /// Release the run without starting it.
        case release
    }

    enum Slot {
        case idle
        case notified
        /// - Parameter registration: the one that was current when the poll began, if any.
        case polling(registration: Int?)
        /// - Parameter renewed: an instant from which the lease was valid for its whole length.
        case running(lease: Lease, renewed: Monotonic)
        case stopped
    }

    enum Phase {
        case working
        /// Current steps may finish until then.
        case stopping(until: Monotonic)
        /// The worker waits for aborted steps until then.
        case aborting(until: Monotonic)
        case ended
    }

    let policy: WorkerPolicy
    var phase = Phase.working
    /// The idle slot with the lowest number is notified first, so that a worker with little to do uses few connections.
    var slots: [Slot]
    /// The parked runs.
    var parked: [Lease: ParkedRun] = [:]
    /// Those that can be continued, in the order of their events.
    var ready: [Lease] = []
    /// The slot with a run that is executed alone, or is about to be.
    var isolated: Int?
    var hasBegun = false
    /// Whether background duties have work left that delays the exit of a worker that exits when nothing is due.
    var hasDutiesLeft = false
    /// The number of the current registration, from 1; nil if the process is not registered.
    var registration: Int?
    var registrations = 0
    /// Until then no idle slot polls, because the queue has failed. The first round afterwards makes one poll.
    var pausedUntil: Monotonic?
    /// The length of the next pause.
    var pause: Duration
    /// When a run becomes due, according to the last polls.
    package internal(set) var nextDue: Monotonic?
    var actions: [Action] = []

    /// A worker with slots that wait for the first round of the lease keeper.
    package init(policy: WorkerPolicy) {
        self.policy = policy
        pause = policy.pause
        slots = Array(repeating: .idle, count: policy.slots)
    }

    /// The next order for a slot that executes no run.
    package mutating func order(for slot: Int) -> Order {
        if let lease = resumeNext(by: slot) { return .resume(lease) }
        guard isWorking else { return parked.isEmpty || hasEnded ? .stop : .wait }
        guard case .notified = slots[slot], isolated == nil else { return .wait }
        slots[slot] = .polling(registration: registration)
        return .poll
    }

    /// Whether a slot executes the run that it has claimed. While a suspect run is executed alone, or waits for the
    /// other slots to finish, the others start nothing.
    ///
    /// - Parameter isResumed: whether the run was parked. It is not released, because what it has waited for would be
    ///   lost.
    package func permission(for slot: Int, isResumed: Bool = false) -> Permission {
        if isResumed { return isolated != slot || isAlone(slot) ? .run : .wait }
        guard isWorking, isolated == nil || isolated == slot else { return .release }
        return isolated == nil || isAlone(slot) ? .run : .wait
    }

    /// Returns the actions that follow from `event`, in the order in which to perform them.
    package mutating func handle(_ event: Event, at now: Monotonic) -> [Action] {
        if let until = pausedUntil, until <= now { pausedUntil = nil }
        switch event {
        case .found(let slot, let lease, let isSuspect, let requested):
            found(lease, by: slot, isSuspect: isSuspect, requested)
        case .foundNothing(let slot, let next): foundNothing(slot, next)
        case .finished(let slot): finished(slot)
        case .parked(let slot):
            park(slot)
            finished(slot)
        case .ready(let lease): becameReady(lease)
        case .resumed(let slot): resumed(slot)
        case .queueFailed(let slot): queueFailed(slot, at: now)
        case .stopped(let slot): stopped(slot)
        case .dutiesCalled(let delaysExit): dutiesCalled(delaysExit)
        case .round: round(at: now)
        case .due: startPoll()
        case .renewed(let leases, let lost, let requested):
            renewed(leases, lost: lost, requested: requested)
        case .registered: registered()
        case .notified:
            registration = nil
            notifyOne()
        case .cannotBeNotified: registration = nil
        case .stop: stop(at: now)
        }
        settle(at: now)
        defer { actions = [] }
        return actions
    }
}

extension WorkerState {
    /// The leases to renew.
    package var leases: [Lease] {
        runningLeases + parked.keys
    }

    private var runningLeases: [Lease] {
        slots.compactMap { if case .running(let lease, _) = $0 { lease } else { nil } }
    }

    /// Whether a slot is idle and the process is not registered for a notification.
    package var needsRegistration: Bool {
        isWorking && hasBegun && !policy.exitsWhenIdle && registration == nil && firstIdle != nil
    }

    /// Whether all slots are busy or stopping, so that other workers should be notified.
    package var needsUnregistration: Bool {
        registration != nil && (!isWorking || runningLeases.count == slots.count)
    }

    package var isWorking: Bool {
        if case .working = phase { true } else { false }
    }

    package var hasEnded: Bool {
        if case .ended = phase { true } else { false }
    }

    /// When the lease keeper has to begin a round, however recent the last one is; nil if it need not.
    package var deadline: Monotonic? {
        switch phase {
        case .stopping(let limit), .aborting(let limit): limit
        case .working, .ended: nil
        }
    }

    var firstIdle: Int? {
        slots.firstIndex { if case .idle = $0 { true } else { false } }
    }

    var isAnyPolling: Bool {
        slots.contains { if case .polling = $0 { true } else { false } }
    }

    var isAnyNotified: Bool {
        slots.contains { if case .notified = $0 { true } else { false } }
    }
}
