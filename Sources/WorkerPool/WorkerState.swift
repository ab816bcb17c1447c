package import System

/// What a worker decides, without doing any of it: which of its hands looks for work, and when it is time to leave.
///
/// ```
///           told              looks                found
///   idle ---------> told --------------> looking ----------> running
///    ^                                      | nothing           |
///    +--------------------------------------+       told <------+ finished
/// ```
///
/// A hand is a thread that carries out one run after another. One that found work has the next idle hand look as well,
/// so that work spreads; one that is done looks again unasked. An idle hand looks when the process is notified, and one
/// of them in each round of the keeper, and when a run becomes due of which the last looks have told.
///
/// The process is notified once for each time that it is enlisted, and is enlisted while a hand has nothing to do. What
/// became due just before that notifies nobody. So a look that began before the enlistment proves nothing, and one that
/// begins after it follows.
package struct WorkerState: Sendable {
    /// What a hand is to do.
    package enum Order: Hashable, Sendable {
        case look
        /// Wait to be woken, and ask again.
        case wait
        case leave
    }

    package enum Action: Hashable, Sendable {
        case wake(hand: Int)
        case wakeKeeper
        case interrupt(hand: Int, Interruption)
        /// Nobody is left, or nobody is waited for any more; then it comes once more when nobody is left.
        case end
    }

    private enum Hand {
        case idle
        case told
        /// - Parameter enlistment: the one that the look began under, if any.
        case looking(enlistment: Int?)
        /// - Parameter renewed: an instant before which the lease was good for its whole length.
        case running(lease: Lease, renewed: Monotonic)
        case gone
    }

    private enum Phase {
        case working
        /// Steps at hand may finish until then.
        case leaving(until: Monotonic)
        /// What was broken off is waited for until then.
        case breakingOff(until: Monotonic)
        case ended
    }

    private let policy: WorkerPolicy
    private var phase = Phase.working
    /// The idle one with the lowest number is told first, so that a worker with little to do uses few connections.
    private var hands: [Hand]
    private var hasBegun = false
    /// The number of the enlistment in force, from 1.
    private var enlistment: Int?
    private var enlistments = 0
    /// When a run becomes due, as the last looks say.
    package private(set) var nextDue: Monotonic?
    private var actions: [Action] = []

    /// A worker whose hands wait for the keeper's first round.
    package init(policy: WorkerPolicy) {
        self.policy = policy
        hands = Array(repeating: .idle, count: policy.hands)
    }

    /// The order for a hand that carries out nothing.
    package mutating func order(for hand: Int) -> Order {
        guard isWorking else { return .leave }
        guard case .told = hands[hand] else { return .wait }
        hands[hand] = .looking(enlistment: enlistment)
        return .look
    }

    /// What is to be done, in this order, after `event`.
    package mutating func handle(_ event: Event, at now: Monotonic) -> [Action] {
        switch event {
        case .found(let hand, let lease, let asked): found(lease, by: hand, asked)
        case .foundNothing(let hand, let next): foundNothing(hand, next)
        case .finished(let hand): hands[hand] = .told
        case .left(let hand): left(hand)
        case .round: round(at: now)
        case .due: look()
        case .renewed(let leases, let lost, let asked): renewed(leases, lost, asked)
        case .enlisted: enlisted()
        case .notified:
            enlistment = nil
            tellOne()
        case .cannotBeNotified: enlistment = nil
        case .leave: leave(at: now)
        }
        settle(at: now)
        defer { actions = [] }
        return actions
    }
}

extension WorkerState {
    /// The leases to renew.
    package var leases: [Lease] {
        hands.compactMap { if case .running(let lease, _) = $0 { lease } else { nil } }
    }

    /// A hand has nothing to do, and nobody would tell of what becomes due.
    package var needsEnlisting: Bool {
        isWorking && hasBegun && !policy.isDraining && enlistment == nil && firstIdle != nil
    }

    /// All hands are busy or leave: it is for others to be notified.
    package var needsWithdrawal: Bool {
        enlistment != nil && (!isWorking || leases.count == hands.count)
    }

    package var isWorking: Bool {
        if case .working = phase { true } else { false }
    }

    package var hasEnded: Bool {
        if case .ended = phase { true } else { false }
    }

    /// When the keeper is to begin a round even if the last one has only just been, if ever.
    package var deadline: Monotonic? {
        switch phase {
        case .leaving(let limit), .breakingOff(let limit): limit
        case .working, .ended: nil
        }
    }

    private var firstIdle: Int? {
        hands.firstIndex { if case .idle = $0 { true } else { false } }
    }

    private var isAnyLooking: Bool {
        hands.contains { if case .looking = $0 { true } else { false } }
    }

    private var isAnyTold: Bool {
        hands.contains { if case .told = $0 { true } else { false } }
    }
}

extension WorkerState {
    private mutating func tellOne() {
        guard isWorking, let hand = firstIdle else { return }
        hands[hand] = .told
        actions.append(.wake(hand: hand))
    }

    private mutating func found(_ lease: Lease, by hand: Int, _ asked: Monotonic) {
        hands[hand] = .running(lease: lease, renewed: asked)
        tellOne()
        if !isWorking { actions.append(.interrupt(hand: hand, .afterStep)) }
    }

    private mutating func foundNothing(_ hand: Int, _ next: Monotonic?) {
        guard case .looking(let before) = hands[hand] else { return }
        hands[hand] = enlistment == nil || enlistment == before ? .idle : .told
        let soonest = [next, nextDue].compactMap(\.self).min()
        if needsEnlisting || soonest != nextDue { actions.append(.wakeKeeper) }
        nextDue = soonest
    }

    /// A hand that was told but has not begun to look will see whatever came before; one that looks looks once more.
    private mutating func enlisted() {
        enlistments += 1
        enlistment = enlistments
        if !isAnyTold, !isAnyLooking { tellOne() }
    }

    private mutating func look() {
        nextDue = nil
        if !isAnyTold { tellOne() }
    }

    private mutating func round(at now: Monotonic) {
        hasBegun = true
        look()
        for (hand, state) in hands.enumerated() {
            guard case .running(_, let renewed) = state, renewed + policy.lease <= now else { continue }
            actions.append(.interrupt(hand: hand, .atOnce))
        }
    }

    private mutating func renewed(_ leases: [Lease], _ lost: Set<Lease>, _ asked: Monotonic) {
        for (hand, state) in hands.enumerated() {
            guard case .running(let lease, _) = state, leases.contains(lease) else { continue }
            if lost.contains(lease) {
                actions.append(.interrupt(hand: hand, .atOnce))
            } else {
                hands[hand] = .running(lease: lease, renewed: asked)
            }
        }
    }

    /// The last one to leave may have been given up before.
    private mutating func left(_ hand: Int) {
        hands[hand] = .gone
        if hasEnded, isAllGone { actions.append(.end) }
    }

    /// The second time it leaves steps no more time.
    private mutating func leave(at now: Monotonic) {
        switch phase {
        case .working:
            phase = .leaving(until: now + policy.grace)
            for hand in hands.indices { actions.append(.wake(hand: hand)) }
            actions.append(.wakeKeeper)
            interruptAll(.afterStep)
        case .leaving: breakOff(at: now)
        case .breakingOff, .ended: break
        }
    }

    private mutating func breakOff(at now: Monotonic) {
        phase = .breakingOff(until: now + policy.patience)
        actions.append(.wakeKeeper)
        interruptAll(.atOnce)
    }

    private mutating func interruptAll(_ interruption: Interruption) {
        for (hand, state) in hands.enumerated() {
            if case .running = state { actions.append(.interrupt(hand: hand, interruption)) }
        }
    }

    /// Does what has become due or possible.
    private mutating func settle(at now: Monotonic) {
        if case .working = phase, policy.isDraining, hasBegun, isAllIdle { leave(at: now) }
        if case .leaving(let limit) = phase, limit <= now { breakOff(at: now) }
        switch phase {
        case .working, .ended: break
        case .breakingOff(let limit) where limit <= now: end()
        case .leaving, .breakingOff: if isAllGone { end() }
        }
    }

    private mutating func end() {
        phase = .ended
        actions += [.wakeKeeper, .end]
    }

    private var isAllIdle: Bool {
        hands.allSatisfy { if case .idle = $0 { true } else { false } }
    }

    /// Whether every hand has left by itself.
    package var isAllGone: Bool {
        hands.allSatisfy { if case .gone = $0 { true } else { false } }
    }
}
