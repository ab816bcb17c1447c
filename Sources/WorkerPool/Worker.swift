package import System
import Synchronization

/// The threads of one process that execute queued runs, as `WorkerState` decides.
///
/// Each slot has a thread and its own access to the queue, and so has the lease keeper: it renews the leases of all
/// slots, performs the background duties, and registers the process for notifications. Threads wait for their wake-ups,
/// so an idle worker costs one poll and one statement of the lease keeper a second.
package final class Worker: Sendable {
    private struct Shared {
        var state: WorkerState
        /// How to interrupt the run of each slot.
        var interrupts: [Job.Interrupt?]
        /// How to interrupt each parked run.
        var parkedInterrupts: [Lease: Job.Interrupt] = [:]
        /// Why the queue was unavailable last time; nil if it was available.
        var failure: (any Error)?
        var lastFailure: Monotonic?
        var isReported = false
    }

    /// Signalled when all threads have ended, or the worker no longer waits for those that have not: `finish` is due.
    package let ended: WakeUp
    private let policy: WorkerPolicy
    private let queue: WorkerQueue
    private let observe: @Sendable (WorkerEvent) -> Void
    private let shared: Mutex<Shared>
    private let wakeUps: [WakeUp]
    private let leaseKeeperWakeUp: WakeUp
    private let threads = Mutex<[NativeThread]>([])

    /// - Parameter observe: called on any of its threads.
    package init(
        policy: WorkerPolicy, queue: WorkerQueue, observe: @escaping @Sendable (WorkerEvent) -> Void
    ) throws(ProcessError) {
        self.policy = policy
        self.queue = queue
        self.observe = observe
        ended = try WakeUp()
        leaseKeeperWakeUp = try WakeUp()
        var wakeUps: [WakeUp] = []
        for _ in 0..<policy.slots { wakeUps.append(try WakeUp()) }
        self.wakeUps = wakeUps
        shared = Mutex(
            Shared(state: WorkerState(policy: policy), interrupts: Array(repeating: nil, count: policy.slots)))
    }

    /// Starts the threads. If it throws, some of them may already run, so the process should exit.
    package func start() throws(ProcessError) {
        for slot in 0..<policy.slots { try start { [self] in work(as: slot) } }
        try start { [self] in keepLeases() }
    }

    private func start(_ body: @escaping @Sendable () -> Void) throws(ProcessError) {
        let thread = try NativeThread(body)
        threads.withLock { $0.append(thread) }
    }

    /// Makes every slot finish its step, release its run and stop. A second call aborts the steps.
    package func stop() {
        handle(.stop)
    }

    /// Waits for the threads to end. To be called after `ended` was signalled.
    ///
    /// - Throws: `StepAbandoned` if a step did not end in time; for a worker that exits when idle also the last error
    ///   of the queue, because the worker then does not know whether a run is due.
    package func finish() throws {
        let (isAllStopped, failure) = shared.withLock { ($0.state.isAllStopped, $0.failure) }
        guard isAllStopped else { throw StepAbandoned() }
        let running = threads.withLock { threads in
            defer { threads = [] }
            return threads
        }
        for thread in running { thread.join() }
        if policy.exitsWhenIdle, let failure { throw failure }
    }
}

extension Worker {
    private func work(as slot: Int) {
        let access = queue.makeAccess()
        while true {
            switch order(for: slot) {
            case .poll: pollOnce(access.poll, as: slot)
            case .resume(let lease): execute(access.resume(lease), as: slot, isResumed: true)
            case .wait: wakeUps[slot].wait()
            case .stop:
                handle(.stopped(slot: slot))
                return
            }
        }
    }

    /// An interruption reaches the run that is to be resumed while it is parked or while it is executed.
    private func order(for slot: Int) -> WorkerState.Order {
        changing { shared, events in
            let order = shared.state.order(for: slot)
            if case .resume(let lease) = order {
                shared.interrupts[slot] = shared.parkedInterrupts.removeValue(forKey: lease)
                events.append(.resumed(slot: slot))
            }
            return order
        }
    }

    /// Polls the queue once, and executes the run that it claims.
    private func pollOnce(_ poll: WorkerQueue.Poll, as slot: Int) {
        let requested = Monotonic.now
        do {
            switch try poll() {
            case .job(let job):
                changing { shared, events in
                    shared.interrupts[slot] = job.interrupt
                    events.append(
                        .found(slot: slot, lease: job.lease, isSuspect: job.isSuspect, requested: requested))
                }
                execute(job, as: slot, isResumed: false)
            case .nothing(let next):
                queueAnswered()
                handle(.foundNothing(slot: slot, next: next.map { .now + $0 }))
            }
        } catch {
            queueFailed(error)
            handle(.queueFailed(slot: slot))
        }
    }

    private func execute(_ job: Job, as slot: Int, isResumed: Bool) {
        func permission() -> WorkerState.Permission {
            shared.withLock { $0.state.permission(for: slot, isResumed: isResumed) }
        }
        var permitted = permission()
        while permitted == .wait {
            wakeUps[slot].wait()
            permitted = permission()
        }
        do {
            switch permitted == .run ? try job.run() : .unfinished {
            case .settled: queueAnswered()
            case .failed(let error): observe(.runFailed(error))
            case .unfinished: release(job)
            case .parked(let begin): return park(job, as: slot, begin)
            }
            finish(slot, .finished(slot: slot))
        } catch {
            queueFailed(error)
            finish(slot, .queueFailed(slot: slot))
        }
    }

    private func finish(_ slot: Int, _ event: WorkerState.Event) {
        changing { shared, events in
            shared.interrupts[slot] = nil
            events.append(event)
        }
    }

    /// Begins what the run waits for, after it has been parked: it may be ready at once.
    private func park(_ job: Job, as slot: Int, _ begin: (@escaping @Sendable () -> Void) -> Void) {
        queueAnswered()
        changing { shared, events in
            shared.parkedInterrupts[job.lease] = shared.interrupts[slot]
            shared.interrupts[slot] = nil
            events.append(.parked(slot: slot))
        }
        begin { [self, lease = job.lease] in handle(.ready(lease)) }
    }

    private func release(_ job: Job) {
        do {
            try job.release()
        } catch {
            observe(.notReleased(error))
        }
    }
}

extension Worker {
    private func keepLeases() {
        let keeper = queue.makeLeaseKeeper()
        var nextRound = Monotonic.now
        var maintenance = Maintenance(keeper.duties, from: nextRound)
        while !shared.withLock({ $0.state.hasEnded }) {
            let now = Monotonic.now
            let isRound = nextRound <= now
            if isRound {
                nextRound = now + policy.round
                if renewLeases(keeper), shared.withLock(\.state.isWorking) {
                    maintenance.run(at: now, observe: observe)
                    handle(.dutiesCalled(delaysExit: maintenance.delaysExit))
                }
                handle(.round)
            } else if let due = nextDue, due <= .now {
                handle(.due)
            }
            register(keeper, isRound)
            if let limit = shared.withLock({ $0.state.deadline }) { nextRound = min(nextRound, limit) }
            wait(keeper, until: min(nextRound, nextDue ?? nextRound))
        }
        register(keeper, true)
    }

    private var nextDue: Monotonic? { shared.withLock { $0.state.nextDue } }

    /// Returns whether the queue is available, as far as is known.
    private func renewLeases(_ keeper: WorkerQueue.LeaseKeeper) -> Bool {
        let requested = Monotonic.now
        let leases = shared.withLock(\.state.leases)
        guard !leases.isEmpty else { return true }
        do {
            let lost = try keeper.renew(leases)
            handle(.renewed(leases, lost: lost, requested: requested))
            queueAnswered()
            return true
        } catch {
            queueFailed(error)
            return false
        }
    }

    /// Unregistering because all slots are busy can wait until the next round: they may be idle again by then.
    private func register(_ keeper: WorkerQueue.LeaseKeeper, _ isRound: Bool) {
        let (registers, unregisters) = shared.withLock { shared in
            (shared.state.needsRegistration, shared.state.needsUnregistration && (isRound || !shared.state.isWorking))
        }
        do {
            if registers {
                try keeper.register()
                handle(.registered)
            } else if unregisters {
                try keeper.unregister()
                handle(.cannotBeNotified)
            }
        } catch {
            handle(.cannotBeNotified)
            queueFailed(error)
        }
    }

    private func wait(_ keeper: WorkerQueue.LeaseKeeper, until deadline: Monotonic) {
        do {
            if try keeper.wait(leaseKeeperWakeUp, deadline) { handle(.notified) }
            leaseKeeperWakeUp.clear()
        } catch {
            handle(.cannotBeNotified)
            queueFailed(error)
            leaseKeeperWakeUp.wait(until: deadline)
        }
    }
}

extension Worker {
    private func handle(_ event: WorkerState.Event) {
        changing { $1.append(event) }
    }

    /// Changes what the threads share, and then lets the state handle the events that the closure appends.
    ///
    /// The run of a slot is interrupted under the lock, so that an interruption reaches the run it is meant for and no
    /// other. A parked run is interrupted after it, because it may be ready at once, which is the next event.
    @discardableResult
    private func changing<Value: Sendable>(_ change: (inout Shared, inout [WorkerState.Event]) -> Value) -> Value {
        let (value, interruptions) = shared.withLock { shared in
            var events: [WorkerState.Event] = []
            let value = change(&shared, &events)
            var ofParked: [(interrupt: Job.Interrupt, interruption: Interruption)] = []
            for action in events.flatMap({ shared.state.handle($0, at: .now) }) {
                switch action {
                case .wake(let slot): wakeUps[slot].signal()
                case .wakeKeeper: leaseKeeperWakeUp.signal()
                case .interrupt(let slot, let interruption): shared.interrupts[slot]?(interruption)
                case .interruptParked(let lease, let interruption):
                    if let interrupt = shared.parkedInterrupts[lease] { ofParked.append((interrupt, interruption)) }
                case .end: ended.signal()
                }
            }
            return (value, ofParked)
        }
        for (interrupt, interruption) in interruptions { interrupt(interruption) }
        return value
    }

    private func queueFailed(_ error: any Error) {
        let isNew = shared.withLock { shared in
            (shared.failure, shared.lastFailure) = (error, .now)
            defer { shared.isReported = true }
            return !shared.isReported
        }
        if isNew { observe(.queueUnavailable(error)) }
    }

    /// The queue is reported as available only after some time without a failure: one thread may reach it while another
    /// does not.
    private func queueAnswered() {
        let hasRecovered = shared.withLock { shared in
            shared.failure = nil
            guard shared.isReported, let last = shared.lastFailure, last + policy.recoveryTime <= .now else {
                return false
            }
            shared.isReported = false
            return true
        }
        if hasRecovered { observe(.queueAvailable) }
    }
}
