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
/// with a holder of an older generation is stale. Requests are not queued, so many of them cost no more than the
/// last one. There is at most one child besides the holders: a successor, or a predecessor that drains. Terminating
/// takes precedence over everything else.
package struct SupervisorState: Sendable {
    enum Phase {
        case running
        /// Children that are still running at that time are killed.
        case terminating(until: Monotonic)
        case ended
    }

    enum Holder: Equatable {
        case vacant(until: Monotonic)
        case starting
        case child(pid_t)
    }

    struct Slot {
        var holder: Holder
        /// The generation of the holder; after an abandoned reload, the generation that it is exempt from.
        var generation = 0
        /// The number of holders in a row that exited early.
        var earlyExits = 0
    }

    struct Child {
        let slot: Int
        let started: Monotonic
        var killAt: Monotonic?
        var servingSince: Monotonic?
        /// The child was ordered to exit, was killed, or hands over its connections.
        var isStopping = false
        /// The inspections since its last heartbeat; nil until its first one. The executable of a reload may be of an
        /// earlier version, which sends none.
        var silentInspections: Int?
        /// A replacement was tried because of what it does. It is not tried again if the successor fails.
        var isRecycled = false
    }

    struct Replacement {
        let slot: Int
        let generation: Int
        /// The successor; nil until it is started.
        var pid: pid_t?
    }

    let policy: SupervisorPolicy
    var phase = Phase.running
    var slots: [Slot]
    var children: [pid_t: Child] = [:]
    var generation = 0
    var replacement: Replacement?
    var pendingSpawns = 0
    var isReloading = false
    /// When children crashed, within the interval that counts.
    var crashes: [Monotonic] = []
    var isAllReady = false
    var actions: [Action] = []

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
        case .heartbeat(let pid): if children[pid] != nil { children[pid]?.silentInspections = 0 }
        case .inspected(let figures):
            killSilentChildren()
            for (pid, figures) in figures.sorted(by: { $0.key < $1.key }) { check(pid, figures) }
        case .handedOver(let pid): handoverBegan(pid, at: now)
        case .exited(let pid, let cause): exited(pid, cause, at: now)
        case .grown(let pid, let bytes): _ = recycle(pid, .memory(bytes: bytes))
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
