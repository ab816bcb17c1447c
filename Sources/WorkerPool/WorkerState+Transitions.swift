import System

/// What events change, and what follows from them.
extension WorkerState {
    mutating func notifyOne() {
        guard isWorking, isolated == nil, pausedUntil == nil, let slot = firstIdle else { return }
        slots[slot] = .notified
        actions.append(.wake(slot: slot))
    }

    mutating func found(_ lease: Lease, by slot: Int, isSuspect: Bool, _ requested: Monotonic) {
        slots[slot] = .running(lease: lease, renewed: requested)
        if isSuspect, isolated == nil {
            isolated = slot
            interruptAll(.afterStep, except: slot)
        } else if isolated == nil {
            notifyOne()
        }
        if !isWorking { actions.append(.interrupt(slot: slot, .afterStep)) }
    }

    /// Whether no other slot executes a run or may have claimed one.
    func isAlone(_ slot: Int) -> Bool {
        slots.enumerated().allSatisfy { number, state in
            switch state {
            case .running, .polling: number == slot
            case .idle, .notified, .stopped: true
            }
        }
    }

    /// The run of the slot has ended: the other slots poll again.
    mutating func endIsolation(of slot: Int) {
        guard isolated == slot else { return }
        isolated = nil
        wakeForReady()
        for (slot, state) in slots.enumerated() {
            if case .notified = state { actions.append(.wake(slot: slot)) }
        }
        notifyOne()
    }

    mutating func finished(_ slot: Int) {
        slots[slot] = .notified
        (pause, pausedUntil) = (policy.pause, nil)
        endIsolation(of: slot)
    }

    mutating func foundNothing(_ slot: Int, _ next: Monotonic?) {
        guard case .polling(let before) = slots[slot] else { return }
        slots[slot] = registration == nil || registration == before ? .idle : .notified
        let soonest = [next, nextDue].compactMap(\.self).min()
        if needsRegistration || soonest != nextDue { actions.append(.wakeKeeper) }
        nextDue = soonest
    }

    mutating func queueFailed(_ slot: Int, at now: Monotonic) {
        slots[slot] = .idle
        endIsolation(of: slot)
        pausedUntil = now + pause
        pause = min(pause * 2, policy.longestPause)
        if needsRegistration { actions.append(.wakeKeeper) }
    }

    /// A slot that was notified but does not poll yet will find all earlier runs; a slot that is polling polls once
    /// more.
    mutating func registered() {
        registrations += 1
        registration = registrations
        if !isAnyNotified, !isAnyPolling { notifyOne() }
    }

    mutating func startPoll() {
        nextDue = nil
        if !isAnyNotified { notifyOne() }
    }

    /// What the last duties have made due is looked for before the worker exits.
    mutating func dutiesCalled(_ delaysExit: Bool) {
        if hasDutiesLeft { startPoll() }
        hasDutiesLeft = delaysExit
    }

    mutating func round(at now: Monotonic) {
        hasBegun = true
        startPoll()
        for (slot, state) in slots.enumerated() {
            guard case .running(_, let renewed) = state, renewed + policy.lease <= now else { continue }
            actions.append(.interrupt(slot: slot, .atOnce))
        }
        for (lease, run) in parked where run.renewed + policy.lease <= now {
            actions.append(.interruptParked(lease, .atOnce))
        }
    }

    mutating func renewed(_ leases: [Lease], lost: Set<Lease>, requested: Monotonic) {
        for (slot, state) in slots.enumerated() {
            guard case .running(let lease, _) = state, leases.contains(lease) else { continue }
            if lost.contains(lease) {
                actions.append(.interrupt(slot: slot, .atOnce))
            } else {
                slots[slot] = .running(lease: lease, renewed: requested)
            }
        }
        renewedParked(leases, lost: lost, requested: requested)
    }

    /// If the worker has stopped waiting for the slots, the last one to end repeats the action `end`.
    mutating func stopped(_ slot: Int) {
        slots[slot] = .stopped
        if hasEnded, isAllStopped { actions.append(.end) }
    }

    /// The second call aborts the steps at once.
    mutating func stop(at now: Monotonic) {
        switch phase {
        case .working:
            phase = .stopping(until: now + policy.grace)
            for slot in slots.indices { actions.append(.wake(slot: slot)) }
            actions.append(.wakeKeeper)
            interruptAll(.afterStep)
            interruptParked(.afterStep)
        case .stopping: abort(at: now)
        case .aborting, .ended: break
        }
    }

    private mutating func abort(at now: Monotonic) {
        phase = .aborting(until: now + policy.abortTimeout)
        actions.append(.wakeKeeper)
        interruptAll(.atOnce)
        interruptParked(.atOnce)
    }

    mutating func interruptAll(_ interruption: Interruption, except spared: Int? = nil) {
        for (slot, state) in slots.enumerated() where slot != spared {
            if case .running = state { actions.append(.interrupt(slot: slot, interruption)) }
        }
    }

    private mutating func interruptParked(_ interruption: Interruption) {
        for lease in parked.keys { actions.append(.interruptParked(lease, interruption)) }
    }

    /// Performs the transitions that have become due or possible.
    mutating func settle(at now: Monotonic) {
        if case .working = phase, policy.exitsWhenIdle, hasBegun, isAllIdle, parked.isEmpty, !hasDutiesLeft {
            stop(at: now)
        }
        if let isolated, isAlone(isolated) { actions.append(.wake(slot: isolated)) }
        if case .stopping(let limit) = phase, limit <= now { abort(at: now) }
        switch phase {
        case .working, .ended: break
        case .aborting(let limit) where limit <= now: end()
        case .stopping, .aborting: if isAllStopped { end() }
        }
    }

    private mutating func end() {
        phase = .ended
        actions += [.wakeKeeper, .end]
    }

    private var isAllIdle: Bool {
        slots.allSatisfy { if case .idle = $0 { true } else { false } }
    }

    /// Whether every slot has ended by itself.
    package var isAllStopped: Bool {
        slots.allSatisfy { if case .stopped = $0 { true } else { false } }
    }
}
