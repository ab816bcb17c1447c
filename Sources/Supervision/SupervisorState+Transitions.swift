import Glibc
import System

/// What follows from the changes: replacements, starts and the end.
extension SupervisorState {
    /// Orders a child, once, to drain and exit, and sets when it is killed if it does not; never later than a time set
    /// before.
    mutating func stop(_ pid: pid_t, until limit: Monotonic) {
        guard var child = children[pid] else { return }
        child.killAt = child.killAt.map { min($0, limit) } ?? limit
        if !child.isStopping { actions.append(.send(.terminate, pid)) }
        child.isStopping = true
        children[pid] = child
    }

    mutating func promoteSuccessor(of replacement: Replacement) {
        slots[replacement.slot].holder = replacement.pid.map(Holder.child) ?? .starting
        slots[replacement.slot].generation = replacement.generation
        self.replacement = nil
    }

    /// The existing children are exempt from the failed generation; a later reload request is still executed.
    mutating func abandonReload() {
        guard let failed = replacement else { return }
        replacement = nil
        for slot in slots.indices { slots[slot].generation = max(slots[slot].generation, failed.generation) }
        actions.append(.report(.reloadAbandoned(slot: failed.slot)))
        isReloading = staleSlot != nil
    }

    mutating func vacate(_ slot: Int, servedFor served: Duration, at now: Monotonic) {
        let count = served < policy.minimumUptime ? slots[slot].earlyExits + 1 : 0
        let delay = policy.delay(afterEarlyExits: count)
        slots[slot].earlyExits = count
        slots[slot].holder = .vacant(until: now + delay)
        if delay > .zero, !isTerminating {
            actions.append(.report(.backingOff(policy.role(of: slot), slot: slot, delay: delay)))
        }
    }

    func serving(in slot: Slot) -> pid_t? {
        guard case .child(let pid) = slot.holder, let child = children[pid] else { return nil }
        return child.servingSince != nil && !child.isStopping ? pid : nil
    }

    private var staleSlot: Int? {
        slots.firstIndex { $0.generation < generation }
    }

    /// Executes what is due or has become possible.
    mutating func settle(at now: Monotonic) {
        killOverdue(at: now)
        switch phase {
        case .running:
            fillSlots(at: now)
            replaceNext()
            reportChanges()
        case .terminating where children.isEmpty && pendingSpawns == 0:
            phase = .ended
            actions.append(.end)
        case .terminating, .ended: break
        }
    }

    private mutating func killOverdue(at now: Monotonic) {
        for (pid, child) in children.sorted(by: { $0.key < $1.key }) {
            guard let limit = child.killAt, limit <= now else { continue }
            children[pid]?.killAt = nil
            children[pid]?.isStopping = true
            let role = policy.role(of: child.slot)
            actions += [.report(.overdue(role, slot: child.slot, pid: pid)), .send(.kill, pid)]
        }
    }

    private mutating func fillSlots(at now: Monotonic) {
        for slot in slots.indices {
            guard case .vacant(let until) = slots[slot].holder, until <= now else { continue }
            slots[slot].holder = .starting
            slots[slot].generation = generation
            spawn(in: slot)
        }
    }

    private mutating func replaceNext() {
        guard replacement == nil, !children.values.contains(where: \.isStopping) else { return }
        guard let slot = staleSlot, case .child = slots[slot].holder else { return }
        replacement = Replacement(slot: slot, generation: generation)
        spawn(in: slot)
    }

    private mutating func spawn(in slot: Int) {
        pendingSpawns += 1
        actions.append(.spawn(policy.role(of: slot), slot: slot))
    }

    private mutating func reportChanges() {
        let wasAllReady = isAllReady
        isAllReady = slots.allSatisfy { serving(in: $0) != nil }
        if isAllReady, !wasAllReady { actions.append(.report(.allReady)) }
        let isReloaded = staleSlot == nil && replacement == nil && !children.values.contains(where: \.isStopping)
        if isReloading, isReloaded {
            isReloading = false
            actions.append(.report(.reloaded))
        }
    }
}
