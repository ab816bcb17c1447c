package import Glibc
package import System

/// The supervisor's decisions, without their execution.
///
/// ```
///            reload                    successor ready                 predecessor exited
///   serving --------> successor starts ---------------> predecessor ---------------------> next stale slot, or
///      ^                     |                            drains                            serving
///      |                     | exited, or not ready in time
///      +---------------------+ (the predecessor stays)
///
///   any of them -- terminate --> all drain -- all exited, or killed after the grace --> end
/// ```
///
/// A slot has one child, a responder or a worker, which is its holder. A holder that exits is replaced at once; after
/// repeated early exits, it is replaced after a growing delay. Each reload request begins a new generation, and a slot
/// whose holder belongs to an older generation is stale. Requests are not queued, so many of them cost no more than the
/// last one. There is at most one child besides the holders: a successor, or a predecessor that drains. Terminating
/// takes precedence over everything else.
package struct SupervisorState: Sendable {
    private enum Phase {
        case running
        /// Children that are still running at that time are killed.
        case terminating(until: Monotonic)
        case ended
    }

    private enum Holder: Equatable {
        case vacant(until: Monotonic)
        case starting
        case child(pid_t)
    }

    private struct Slot {
        var holder: Holder
        /// The generation of the holder; after an abandoned reload, the generation that it is exempt from.
        var generation = 0
        /// The number of holders in a row that exited early.
        var earlyExits = 0
    }

    private struct Child {
        let slot: Int
        let started: Monotonic
        var killAt: Monotonic?
        var servingSince: Monotonic?
        /// The child was ordered to exit, was killed, or hands over its connections.
        var isStopping = false
        /// A replacement was tried because of its memory. It is not tried again if the successor fails.
        var isRecycled = false
    }

    private struct Replacement {
        let slot: Int
        let generation: Int
        /// The successor; nil until it is started.
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
    private var isAllReady = false
    private var actions: [Action] = []

    /// A supervisor without children; its first event, of any kind, starts them.
    package init(policy: SupervisorPolicy, at now: Monotonic) {
        self.policy = policy
        slots = Array(repeating: Slot(holder: .vacant(until: now)), count: policy.responders + policy.workers)
    }

    /// The actions to execute, in this order, after `event`. The result of a spawn must be the next event.
    package mutating func handle(_ event: Event, at now: Monotonic) -> [Action] {
        switch event {
        case .started(let slot, let pid): started(pid, in: slot, at: now)
        case .startFailed(let slot, let error): startFailed(in: slot, error, at: now)
        case .ready(let pid): becameReady(pid, at: now)
        case .handedOver(let pid): handoverBegan(pid, at: now)
        case .exited(let pid, let cause): exited(pid, cause, at: now)
        case .grown(let pid, let bytes): recycle(pid, bytes)
        case .reload: reload(at: now)
        case .terminate: terminate(at: now)
        case .timePassed: break
        }
        settle(at: now)
        defer { actions = [] }
        return actions
    }

    /// When `timePassed` is due; nil if no time is set.
    package var deadline: Monotonic? {
        var instants = children.values.compactMap(\.killAt)
        if case .running = phase {
            for case .vacant(let until) in slots.map(\.holder) { instants.append(until) }
        }
        return instants.min()
    }

    /// The responder that gets a connection that the child `pid` of `slot` handed over: the slot's own holder, or else
    /// the next responder that serves; nil when there is none.
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
        if case .terminating(let limit) = phase { stop(pid, until: limit) }
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
        guard let child = children[pid], child.servingSince == nil, !child.isStopping else { return }
        children[pid]?.servingSince = now
        children[pid]?.killAt = nil
        actions.append(.report(.ready(policy.role(of: child.slot), slot: child.slot, pid: pid)))
        guard let replacement, replacement.pid == pid else { return }
        let predecessor = slots[child.slot].holder
        promoteSuccessor(of: replacement)
        if case .child(let predecessor) = predecessor { stop(predecessor, until: now + policy.grace) }
    }

    private mutating func handoverBegan(_ pid: pid_t, at now: Monotonic) {
        guard let child = children[pid], !child.isStopping else { return }
        children[pid]?.isStopping = true
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

    /// Makes the slot stale, so that a successor starts before the child drains.
    private mutating func recycle(_ pid: pid_t, _ bytes: Int) {
        guard case .running = phase, let child = children[pid], child.servingSince != nil,
            !child.isStopping, !child.isRecycled, slots[child.slot].holder == .child(pid)
        else { return }
        children[pid]?.isRecycled = true
        slots[child.slot].generation = min(slots[child.slot].generation, generation - 1)
        actions.append(.report(.recycling(policy.role(of: child.slot), slot: child.slot, pid: pid, bytes: bytes)))
    }

    private mutating func reload(at now: Monotonic) {
        guard case .running = phase else { return }
        generation += 1
        // The reload may remove the cause of the early exits.
        for slot in slots.indices {
            guard case .vacant = slots[slot].holder else { continue }
            slots[slot].holder = .vacant(until: now)
            slots[slot].earlyExits = 0
        }
        if !isReloading { actions.append(.report(.reloading)) }
        isReloading = true
    }

    /// The second request kills the remaining children at once.
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
        for pid in children.keys.sorted() { stop(pid, until: limit) }
    }
}

extension SupervisorState {
    /// Orders a child, once, to drain and exit, and sets when it is killed if it does not; never later than a time set
    /// before.
    private mutating func stop(_ pid: pid_t, until limit: Monotonic) {
        guard var child = children[pid] else { return }
        child.killAt = child.killAt.map { min($0, limit) } ?? limit
        if !child.isStopping { actions.append(.send(.terminate, pid)) }
        child.isStopping = true
        children[pid] = child
    }

    private mutating func promoteSuccessor(of replacement: Replacement) {
        slots[replacement.slot].holder = replacement.pid.map(Holder.child) ?? .starting
        slots[replacement.slot].generation = replacement.generation
        self.replacement = nil
    }

    /// The existing children are exempt from the failed generation; a later reload request is still executed.
    private mutating func abandonReload() {
        guard let failed = replacement else { return }
        replacement = nil
        for slot in slots.indices { slots[slot].generation = max(slots[slot].generation, failed.generation) }
        actions.append(.report(.reloadAbandoned(slot: failed.slot)))
        isReloading = staleSlot != nil
    }

    private mutating func vacate(_ slot: Int, servedFor served: Duration, at now: Monotonic) {
        let count = served < policy.minimumUptime ? slots[slot].earlyExits + 1 : 0
        let delay = policy.delay(afterEarlyExits: count)
        slots[slot].earlyExits = count
        slots[slot].holder = .vacant(until: now + delay)
        if delay > .zero, !isTerminating {
            actions.append(.report(.backingOff(policy.role(of: slot), slot: slot, delay: delay)))
        }
    }

    private func serving(in slot: Slot) -> pid_t? {
        guard case .child(let pid) = slot.holder, let child = children[pid] else { return nil }
        return child.servingSince != nil && !child.isStopping ? pid : nil
    }

    private var staleSlot: Int? {
        slots.firstIndex { $0.generation < generation }
    }

    /// Executes what is due or has become possible.
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
