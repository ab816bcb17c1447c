package import Glibc
package import System

/// What the supervisor decides, without doing any of it.
///
/// ```
///            reload                    successor ready                 predecessor gone
///   serving --------> successor starts ---------------> predecessor -------------------> next stale slot, or
///      ^                     |                             leaves                         serving
///      |                     | died, or not ready in time
///      +---------------------+ (the predecessor stays)
///
///   any of them -- terminate --> all leave -- all gone, or killed after the grace --> end
/// ```
///
/// A slot is a place for one child, a responder or a worker; its holder is replaced when it dies, at once or, when they keep dying young,
/// after a growing delay. Each request to reload begins a new generation, and a slot whose holder is of an older one
/// is stale. That is all a reload remembers, so a storm of requests costs no more than the last of them.
/// There is never more than one child beside the holders: a successor, or a predecessor that leaves.
/// Nothing overrides terminating.
package struct SupervisorState: Sendable {
    private enum Phase {
        case running
        /// Whoever is still there at that time is killed.
        case terminating(until: Monotonic)
        case ended
    }

    private enum Holder: Equatable {
        case nobody(until: Monotonic)
        case starting
        case child(pid_t)
    }

    private struct Slot {
        var holder: Holder
        /// The generation the holder belongs to, or is let pass for after an abandoned reload.
        var generation = 0
        /// How many holders in a row died young.
        var earlyDeaths = 0
    }

    private struct Child {
        let slot: Int
        let started: Monotonic
        var killAt: Monotonic?
        var servingSince: Monotonic?
        /// It was asked to leave, was killed, or gives its connections away.
        var isLeaving = false
    }

    private struct Replacement {
        let slot: Int
        let generation: Int
        /// The successor, once it was started.
        var pid: pid_t?
    }

    private let policy: SupervisorPolicy
    private var phase = Phase.running
    private var slots: [Slot]
    private var children: [pid_t: Child] = [:]
    private var generation = 0
    private var replacement: Replacement?
    private var pendingSpawns = 0
    private var isReloading = false
    private var isWhole = false
    private var actions: [Action] = []

    /// A supervisor of nobody; its first event, whichever it is, starts the children.
    package init(policy: SupervisorPolicy, at now: Monotonic) {
        self.policy = policy
        slots = Array(repeating: Slot(holder: .nobody(until: now)), count: policy.responders + policy.workers)
    }

    /// What is to be done, in this order, after `event`. Spawns are answered by events before any other event.
    package mutating func handle(_ event: Event, at now: Monotonic) -> [Action] {
        switch event {
        case .started(let slot, let pid): started(pid, in: slot, at: now)
        case .startFailed(let slot, let error): startFailed(in: slot, error, at: now)
        case .ready(let pid): becameReady(pid, at: now)
        case .handedOver(let pid): leavesUnasked(pid, at: now)
        case .exited(let pid, let cause): exited(pid, cause, at: now)
        case .reload: reload(at: now)
        case .terminate: terminate(at: now)
        case .timePassed: break
        }
        settle(at: now)
        defer { actions = [] }
        return actions
    }

    /// When `timePassed` is due, if ever.
    package var deadline: Monotonic? {
        var instants = children.values.compactMap(\.killAt)
        if case .running = phase {
            for case .nobody(let until) in slots.map(\.holder) { instants.append(until) }
        }
        return instants.min()
    }

    /// Who takes a connection that the child `pid` of `slot` handed over: the slot's own holder, else the next
    /// responder that serves; nil when none does.
    package func recipient(ofConnectionFrom pid: pid_t, slot: Int) -> pid_t? {
        let (before, after) = (slots[..<policy.responders].prefix(slot), slots[..<policy.responders].dropFirst(slot))
        return (after + before).lazy.compactMap(serving(in:)).first { $0 != pid }
    }

    package var isTerminating: Bool {
        if case .running = phase { false } else { true }
    }
}

extension SupervisorState {
    private mutating func started(_ pid: pid_t, in slot: Int, at now: Monotonic) {
        pendingSpawns -= 1
        children[pid] = Child(slot: slot, started: now, killAt: now + policy.readiness)
        actions.append(.report(.started(policy.role(of: slot), slot: slot, pid: pid)))
        if replacement?.slot == slot, replacement?.pid == nil {
            replacement?.pid = pid
        } else {
            slots[slot].holder = .child(pid)
        }
        if case .terminating(let limit) = phase { dismiss(pid, until: limit) }
    }

    private mutating func startFailed(in slot: Int, _ error: ProcessError, at now: Monotonic) {
        pendingSpawns -= 1
        actions.append(.report(.startFailed(policy.role(of: slot), slot: slot, error)))
        if replacement?.slot == slot, replacement?.pid == nil {
            abandonReload()
        } else {
            vacate(slot, servedFor: .zero, at: now)
        }
    }

    private mutating func becameReady(_ pid: pid_t, at now: Monotonic) {
        guard let child = children[pid], child.servingSince == nil, !child.isLeaving else { return }
        children[pid]?.servingSince = now
        children[pid]?.killAt = nil
        actions.append(.report(.ready(policy.role(of: child.slot), slot: child.slot, pid: pid)))
        guard let replacement, replacement.pid == pid else { return }
        let predecessor = slots[child.slot].holder
        promoteSuccessor(of: replacement)
        if case .child(let predecessor) = predecessor { dismiss(predecessor, until: now + policy.grace) }
    }

    private mutating func leavesUnasked(_ pid: pid_t, at now: Monotonic) {
        guard let child = children[pid], !child.isLeaving else { return }
        children[pid]?.isLeaving = true
        children[pid]?.killAt = now + policy.grace
    }

    private mutating func exited(_ pid: pid_t, _ cause: ExitCause, at now: Monotonic) {
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
    }

    private mutating func reload(at now: Monotonic) {
        guard case .running = phase else { return }
        generation += 1
        // What kept dying may be what the reload is to cure.
        for slot in slots.indices {
            guard case .nobody = slots[slot].holder else { continue }
            slots[slot].holder = .nobody(until: now)
            slots[slot].earlyDeaths = 0
        }
        if !isReloading { actions.append(.report(.reloading)) }
        isReloading = true
    }

    /// The second time it leaves nobody any more time.
    private mutating func terminate(at now: Monotonic) {
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
        for pid in children.keys.sorted() { dismiss(pid, until: limit) }
    }
}

extension SupervisorState {
    /// Tells a child, once, to finish and leave, and when it is killed otherwise; never later than said before.
    private mutating func dismiss(_ pid: pid_t, until limit: Monotonic) {
        guard var child = children[pid] else { return }
        child.killAt = child.killAt.map { min($0, limit) } ?? limit
        if !child.isLeaving { actions.append(.send(.terminate, pid)) }
        child.isLeaving = true
        children[pid] = child
    }

    private mutating func promoteSuccessor(of replacement: Replacement) {
        slots[replacement.slot].holder = replacement.pid.map(Holder.child) ?? .starting
        slots[replacement.slot].generation = replacement.generation
        self.replacement = nil
    }

    /// What runs is let pass for the generation that failed; a later request to reload is still carried out.
    private mutating func abandonReload() {
        guard let failed = replacement else { return }
        replacement = nil
        for slot in slots.indices { slots[slot].generation = max(slots[slot].generation, failed.generation) }
        actions.append(.report(.reloadAbandoned(slot: failed.slot)))
        isReloading = staleSlot != nil
    }

    private mutating func vacate(_ slot: Int, servedFor served: Duration, at now: Monotonic) {
        let count = served < policy.minimumUptime ? slots[slot].earlyDeaths + 1 : 0
        let delay = policy.delay(afterEarlyDeaths: count)
        slots[slot].earlyDeaths = count
        slots[slot].holder = .nobody(until: now + delay)
        if delay > .zero, !isTerminating {
            actions.append(.report(.backingOff(policy.role(of: slot), slot: slot, delay: delay)))
        }
    }

    private func serving(in slot: Slot) -> pid_t? {
        guard case .child(let pid) = slot.holder, let child = children[pid] else { return nil }
        return child.servingSince != nil && !child.isLeaving ? pid : nil
    }

    private var staleSlot: Int? {
        slots.firstIndex { $0.generation < generation }
    }

    /// Does what has become due or possible.
    private mutating func settle(at now: Monotonic) {
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
            children[pid]?.isLeaving = true
            let role = policy.role(of: child.slot)
            actions += [.report(.overdue(role, slot: child.slot, pid: pid)), .send(.kill, pid)]
        }
    }

    private mutating func fillSlots(at now: Monotonic) {
        for slot in slots.indices {
            guard case .nobody(let until) = slots[slot].holder, until <= now else { continue }
            slots[slot].holder = .starting
            slots[slot].generation = generation
            spawn(in: slot)
        }
    }

    private mutating func replaceNext() {
        guard replacement == nil, !children.values.contains(where: \.isLeaving) else { return }
        guard let slot = staleSlot, case .child = slots[slot].holder else { return }
        replacement = Replacement(slot: slot, generation: generation)
        spawn(in: slot)
    }

    private mutating func spawn(in slot: Int) {
        pendingSpawns += 1
        actions.append(.spawn(policy.role(of: slot), slot: slot))
    }

    private mutating func reportChanges() {
        let wasWhole = isWhole
        isWhole = slots.allSatisfy { serving(in: $0) != nil }
        if isWhole, !wasWhole { actions.append(.report(.allReady)) }
        let isRenewed = staleSlot == nil && replacement == nil && !children.values.contains(where: \.isLeaving)
        if isReloading, isRenewed {
            isReloading = false
            actions.append(.report(.reloaded))
        }
    }
}
