import Glibc
import System

/// What each event changes.
extension SupervisorState {
    mutating func started(_ pid: pid_t, in slot: Int, at now: Monotonic) {
        pendingSpawns -= 1
        children[pid] = Child(slot: slot, started: now, killAt: now + policy.readiness)
        actions.append(.report(.started(policy.role(of: slot), slot: slot, pid: pid)))
        if replacement?.slot == slot, replacement?.pid == nil {
            replacement?.pid = pid
        } else {
            slots[slot].holder = .child(pid)
        }
        if case .terminating(let limit) = phase { stop(pid, until: limit) }
    }

    mutating func startFailed(in slot: Int, _ error: ProcessError, at now: Monotonic) {
        pendingSpawns -= 1
        actions.append(.report(.startFailed(policy.role(of: slot), slot: slot, error)))
        if replacement?.slot == slot, replacement?.pid == nil {
            abandonReload()
        } else {
            vacate(slot, servedFor: .zero, at: now)
        }
    }

    mutating func becameReady(_ pid: pid_t, at now: Monotonic) {
        guard let child = children[pid], child.servingSince == nil, !child.isStopping else { return }
        children[pid]?.servingSince = now
        children[pid]?.killAt = nil
        actions.append(.report(.ready(policy.role(of: child.slot), slot: child.slot, pid: pid)))
        guard let replacement, replacement.pid == pid else { return }
        let predecessor = slots[child.slot].holder
        promoteSuccessor(of: replacement)
        if case .child(let predecessor) = predecessor { stop(predecessor, until: now + policy.grace) }
    }

    /// Kills the children that have sent no heartbeat for too long: they are stopped, or their main thread hangs. For
    /// one that drains there is a time limit anyway.
    mutating func killSilentChildren() {
        guard let limit = policy.heartbeatInspections else { return }
        for (pid, child) in children.sorted(by: { $0.key < $1.key }) {
            guard let count = child.silentInspections, child.servingSince != nil, !child.isStopping else { continue }
            children[pid]?.silentInspections = count + 1
            guard count >= limit else { continue }
            children[pid]?.isStopping = true
            actions += [.report(.hung(policy.role(of: child.slot), slot: child.slot, pid: pid)), .send(.kill, pid)]
        }
    }

    mutating func handoverBegan(_ pid: pid_t, at now: Monotonic) {
        guard let child = children[pid], !child.isStopping else { return }
        children[pid]?.isStopping = true
        children[pid]?.killAt = now + policy.grace
    }

    mutating func exited(_ pid: pid_t, _ cause: ExitCause, at now: Monotonic) {
        guard let child = children.removeValue(forKey: pid) else { return }
        let slot = child.slot
        actions.append(.report(.exited(policy.role(of: slot), slot: slot, pid: pid, cause, age: now - child.started)))
        if slots[slot].holder == .child(pid) {
            if let replacement, replacement.slot == slot {
                promoteSuccessor(of: replacement)
            } else {
                vacate(slot, servedFor: child.servingSince.map { now - $0 } ?? .zero, at: now)
            }
        } else if replacement?.pid == pid {
            abandonReload()
        }
        if cause.isCrash { noteCrash(at: now) }
    }

    /// Replaces all children after too many crashes: they may have inherited, or share, what causes them. The delays
    /// after early exits remain.
    private mutating func noteCrash(at now: Monotonic) {
        guard case .running = phase, let threshold = policy.emergencyRestartThreshold else { return }
        crashes.removeAll { $0 + policy.emergencyRestartInterval <= now }
        crashes.append(now)
        guard crashes.count >= threshold else { return }
        crashes = []
        actions.append(.report(.emergencyRestart(crashes: threshold)))
        beginGeneration()
    }

    mutating func check(_ pid: pid_t, _ figures: ChildFigures) {
        guard let slot = children[pid]?.slot else { return }
        if let limit = policy.requestTerminateTimeout, let request = figures.longestRequest,
            request.duration > limit, recycle(pid, .request(request))
        {
            actions.append(.report(.requestOverdue(request, slot: slot, pid: pid)))
        }
        if let limit = policy.requestLimit(of: slot), figures.requests >= limit {
            _ = recycle(pid, .requests(figures.requests))
        }
    }

    /// Makes the slot stale, so that a successor starts before the child drains. False if the child does not serve, or
    /// this was tried before.
    mutating func recycle(_ pid: pid_t, _ reason: ReplacementReason) -> Bool {
        guard case .running = phase, let child = children[pid], child.servingSince != nil,
            !child.isStopping, !child.isRecycled, slots[child.slot].holder == .child(pid)
        else { return false }
        children[pid]?.isRecycled = true
        slots[child.slot].generation = min(slots[child.slot].generation, generation - 1)
        actions.append(.report(.recycling(policy.role(of: child.slot), slot: child.slot, pid: pid, reason)))
        return true
    }

    mutating func reload(at now: Monotonic) {
        guard case .running = phase else { return }
        // The reload may remove the cause of the early exits.
        for slot in slots.indices {
            guard case .vacant = slots[slot].holder else { continue }
            slots[slot].holder = .vacant(until: now)
            slots[slot].earlyExits = 0
        }
        beginGeneration()
    }

    private mutating func beginGeneration() {
        generation += 1
        if !isReloading { actions.append(.report(.reloading)) }
        isReloading = true
    }

    /// The second request kills the remaining children at once.
    mutating func terminate(at now: Monotonic) {
        let limit: Monotonic
        switch phase {
        case .running:
            limit = now + policy.grace
            (replacement, isReloading) = (nil, false)
            actions += [.report(.terminating), .stopListening]
        case .terminating: limit = now
        case .ended: return
        }
        phase = .terminating(until: limit)
        for pid in children.keys.sorted() { stop(pid, until: limit) }
    }
}
