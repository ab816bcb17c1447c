package import System
import Synchronization

/// The threads of one process that carry out queued runs; the doing to `WorkerState`'s deciding.
///
/// Each hand has a thread and its own way to the queue, and so has the keeper: it renews the leases of all hands, takes
/// over runs whose leases have lapsed, and has the process told of what becomes due. Whoever waits, waits for its bell,
/// so an idle worker costs one look and one statement of the keeper a second.
package final class Worker: Sendable {
    private struct Shared {
        var state: WorkerState
        /// How to interrupt what each hand carries out.
        var interrupts: [(@Sendable (Interruption) -> Void)?]
        /// Why the queue could not be asked last time.
        var failure: (any Error)?
    }

    /// Rings when the worker has nobody left, or waits for nobody any more: `finish` is due.
    package let ended: Bell
    private let policy: WorkerPolicy
    private let queue: WorkerQueue
    private let observe: @Sendable (WorkerEvent) -> Void
    private let shared: Mutex<Shared>
    private let bells: [Bell]
    private let keepersBell: Bell
    private let threads = Mutex<[NativeThread]>([])

    /// - Parameter observe: called on any of its threads.
    package init(
        policy: WorkerPolicy, queue: WorkerQueue, observe: @escaping @Sendable (WorkerEvent) -> Void
    ) throws(ProcessError) {
        self.policy = policy
        self.queue = queue
        self.observe = observe
        ended = try Bell()
        keepersBell = try Bell()
        var bells: [Bell] = []
        for _ in 0..<policy.hands { bells.append(try Bell()) }
        self.bells = bells
        shared = Mutex(
            Shared(state: WorkerState(policy: policy), interrupts: Array(repeating: nil, count: policy.hands)))
    }

    /// Begins to work. After an error the process had better end: some threads may run.
    package func start() throws(ProcessError) {
        for hand in 0..<policy.hands { try start { [self] in work(as: hand) } }
        try start { [self] in keep() }
    }

    private func start(_ body: @escaping @Sendable () -> Void) throws(ProcessError) {
        let thread = try NativeThread(body)
        threads.withLock { $0.append(thread) }
    }

    /// Has every hand finish its step, give back its run and leave; the second time steps are broken off.
    package func leave() {
        handle(.leave)
    }

    /// Waits for the threads, when `ended` has rung.
    ///
    /// - Throws: `StepAbandoned` when there is one that cannot be waited for; what kept a draining worker from knowing
    ///   that nothing is due.
    package func finish() throws {
        let (isAllGone, failure) = shared.withLock { ($0.state.isAllGone, $0.failure) }
        guard isAllGone else { throw StepAbandoned() }
        let running = threads.withLock { threads in
            defer { threads = [] }
            return threads
        }
        for thread in running { thread.join() }
        if policy.isDraining, let failure { throw failure }
    }
}

extension Worker {
    private func work(as hand: Int) {
        let look = queue.makeHand()
        while true {
            switch shared.withLock({ $0.state.order(for: hand) }) {
            case .look: takeUp(look, as: hand)
            case .wait: bells[hand].wait()
            case .leave:
                handle(.left(hand: hand))
                return
            }
        }
    }

    /// Looks once, and carries out what it finds.
    private func takeUp(_ look: WorkerQueue.Hand, as hand: Int) {
        let asked = Monotonic.now
        var found = WorkerQueue.Look.nothing(next: nil)
        do {
            found = try look()
            queueAnswered()
        } catch {
            queueFailed(error)
        }
        switch found {
        case .job(let job): takeOver(job, as: hand, asked)
        case .nothing(let next): handle(.foundNothing(hand: hand, next: next.map { .now + $0 }))
        }
    }

    private func takeOver(_ job: Job, as hand: Int, _ asked: Monotonic) {
        let isWorking = shared.withLock { shared in
            shared.interrupts[hand] = job.interrupt
            handle(.found(hand: hand, lease: job.lease, asked: asked), &shared)
            return shared.state.isWorking
        }
        carryOut(job, isWorking)
        shared.withLock { shared in
            shared.interrupts[hand] = nil
            handle(.finished(hand: hand), &shared)
        }
    }

    /// - Parameter isWorking: when it is not, the run goes back untouched.
    private func carryOut(_ job: Job, _ isWorking: Bool) {
        do {
            if isWorking, try job.run() == .settled { return }
        } catch {
            observe(.runFailed(error))
            return
        }
        do {
            try job.giveBack()
        } catch {
            observe(.notGivenBack(error))
        }
    }
}

extension Worker {
    private func keep() {
        let keeper = queue.makeKeeper()
        var nextRound = Monotonic.now
        while !shared.withLock({ $0.state.hasEnded }) {
            let isRound = nextRound <= .now
            if isRound {
                nextRound = .now + policy.round
                makeRound(keeper)
            } else if let due = nextDue, due <= .now {
                handle(.due)
            }
            enlist(keeper, isRound)
            if let limit = shared.withLock({ $0.state.deadline }) { nextRound = min(nextRound, limit) }
            wait(keeper, until: min(nextRound, nextDue ?? nextRound))
        }
        enlist(keeper, true)
    }

    private var nextDue: Monotonic? { shared.withLock { $0.state.nextDue } }

    private func makeRound(_ keeper: WorkerQueue.Keeper) {
        let asked = Monotonic.now
        let (leases, isWorking) = shared.withLock { ($0.state.leases, $0.state.isWorking) }
        do {
            if !leases.isEmpty {
                let lost = try keeper.renew(leases)
                handle(.renewed(leases, lost: lost, asked: asked))
            }
            let count = isWorking ? try keeper.rescue() : 0
            if count > 0 { observe(.rescued(count)) }
            queueAnswered()
        } catch {
            queueFailed(error)
        }
        handle(.round)
    }

    /// A withdrawal because all hands are busy has time until the next round: they may be done before.
    private func enlist(_ keeper: WorkerQueue.Keeper, _ isRound: Bool) {
        let (enlists, withdraws) = shared.withLock { shared in
            (shared.state.needsEnlisting, shared.state.needsWithdrawal && (isRound || !shared.state.isWorking))
        }
        do {
            if enlists {
                try keeper.enlist()
                handle(.enlisted)
            } else if withdraws {
                try keeper.withdraw()
                handle(.cannotBeNotified)
            }
        } catch {
            handle(.cannotBeNotified)
            queueFailed(error)
        }
    }

    private func wait(_ keeper: WorkerQueue.Keeper, until deadline: Monotonic) {
        do {
            if try keeper.wait(keepersBell, deadline) { handle(.notified) }
            keepersBell.hear()
        } catch {
            handle(.cannotBeNotified)
            queueFailed(error)
            keepersBell.wait(until: deadline)
        }
    }
}

extension Worker {
    private func handle(_ event: WorkerState.Event) {
        shared.withLock { handle(event, &$0) }
    }

    /// Under the lock, so that an interruption reaches the run it is meant for, and no other.
    private func handle(_ event: WorkerState.Event, _ shared: inout Shared) {
        for action in shared.state.handle(event, at: .now) {
            switch action {
            case .wake(let hand): bells[hand].ring()
            case .wakeKeeper: keepersBell.ring()
            case .interrupt(let hand, let interruption): shared.interrupts[hand]?(interruption)
            case .end: ended.ring()
            }
        }
    }

    private func queueFailed(_ error: any Error) {
        let wasAvailable = shared.withLock { shared in
            defer { shared.failure = error }
            return shared.failure == nil
        }
        if wasAvailable { observe(.queueUnavailable(error)) }
    }

    private func queueAnswered() {
        let wasAvailable = shared.withLock { shared in
            defer { shared.failure = nil }
            return shared.failure == nil
        }
        if !wasAvailable { observe(.queueAvailable) }
    }
}
