import System
import Supervision

/// A supervisor's state with simulated children and a simulated clock.
struct SupervisorSimulation {
    private(set) var state: SupervisorState
    private(set) var now = Monotonic(sinceBoot: .seconds(1000))
    /// Running children and the signals sent to each.
    private(set) var children: [Int32: [Signal]] = [:]
    /// The slots with a pending spawn, in order.
    private(set) var spawns: [Int] = []
    private(set) var slotOf: [Int32: Int] = [:]
    private(set) var hasStoppedListening = false
    private(set) var ends = 0
    /// The events reported since the last call of `takeReports`.
    private var reports: [SupervisorEvent] = []
    private var lastPID: Int32 = 100
    /// Actions that are not valid in the current state.
    private(set) var invalidActions: [String] = []

    private let responders: Int

    init(_ policy: SupervisorPolicy) {
        responders = policy.responders
        state = SupervisorState(policy: policy, at: now)
        handle(.timePassed)
    }

    /// A pool with responders and workers that are all ready: 101, 102, …, in slots 0, 1, ….
    static func serving(
        _ responders: Int, workers: Int = 0, setUp: (inout SupervisorPolicy) -> Void = { _ in }
    ) -> SupervisorSimulation {
        var policy = SupervisorPolicy(responders: responders, workers: workers)
        setUp(&policy)
        var simulation = SupervisorSimulation(policy)
        for pid in simulation.startAll() { simulation.handle(.ready(pid)) }
        _ = simulation.takeReports()
        return simulation
    }

    mutating func handle(_ event: SupervisorState.Event) {
        if case .exited(let pid, _) = event { children[pid] = nil }
        for action in state.handle(event, at: now) { perform(action) }
    }

    /// An inspection, with what it finds of one child.
    mutating func inspect(_ pid: Int32 = 0, _ figures: ChildFigures = ChildFigures()) {
        handle(.inspected([pid: figures]))
    }

    /// Advances the clock, with one event at the end.
    mutating func advance(_ duration: Duration) {
        now = now + duration
        handle(.timePassed)
    }

    /// Advances the clock to the deadline of the state, if there is one.
    mutating func advanceToDeadline() {
        if let deadline = state.deadline, deadline > now { now = deadline }
        handle(.timePassed)
    }

    /// Starts the child of the oldest pending spawn; nil if there is none.
    @discardableResult
    mutating func start() -> Int32? {
        guard !spawns.isEmpty else { return nil }
        lastPID += 1
        let slot = spawns.removeFirst()
        children[lastPID] = []
        slotOf[lastPID] = slot
        handle(.started(slot: slot, pid: lastPID))
        return lastPID
    }

    mutating func startAll() -> [Int32] {
        var pids: [Int32] = []
        while let pid = start() { pids.append(pid) }
        return pids
    }

    mutating func failToStart() {
        guard !spawns.isEmpty else { return }
        handle(.startFailed(slot: spawns.removeFirst(), ProcessError("posix_spawn", code: 2)))
    }

    mutating func takeReports() -> [SupervisorEvent] {
        defer { reports = [] }
        return reports
    }

    private mutating func perform(_ action: SupervisorState.Action) {
        switch action {
        case .spawn(let role, let slot):
            if (role == .responder) != (slot < responders) { invalidActions.append("a \(role) in slot \(slot)") }
            if state.isTerminating { invalidActions.append("a spawn while terminating") }
            spawns.append(slot)
        case .send(let signal, let pid):
            if children[pid] == nil { invalidActions.append("a signal to \(pid), which has ended") }
            children[pid]?.append(signal)
        case .stopListening:
            if hasStoppedListening { invalidActions.append("stopped listening twice") }
            hasStoppedListening = true
        case .report(let event): reports.append(event)
        case .end:
            if !children.isEmpty || !spawns.isEmpty { invalidActions.append("ended before its children") }
            ends += 1
        }
    }
}
