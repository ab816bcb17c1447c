import System
import Supervision

/// A supervisor's state among children and a clock that exist on paper only.
struct SupervisorRehearsal {
    private(set) var state: SupervisorState
    private(set) var now = Monotonic(sinceBoot: .seconds(1000))
    /// Living children and the signals each was sent.
    private(set) var children: [Int32: [Signal]] = [:]
    /// Where a spawn was asked for and not answered yet, in order.
    private(set) var spawns: [Int] = []
    private(set) var slotOf: [Int32: Int] = [:]
    private(set) var hasStoppedListening = false
    private(set) var ends = 0
    /// Everything reported since it was last taken.
    private var reports: [SupervisorEvent] = []
    private var lastPID: Int32 = 100
    /// Actions that no supervisor could carry out.
    private(set) var absurdities: [String] = []

    private let responders: Int

    init(_ policy: SupervisorPolicy) {
        responders = policy.responders
        state = SupervisorState(policy: policy, at: now)
        tell(.timePassed)
    }

    /// A pool of responders and workers that all serve: 101, 102, …, in slots 0, 1, ….
    static func serving(_ responders: Int, workers: Int = 0) -> SupervisorRehearsal {
        var rehearsal = SupervisorRehearsal(SupervisorPolicy(responders: responders, workers: workers))
        for pid in rehearsal.startAll() { rehearsal.tell(.ready(pid)) }
        _ = rehearsal.takeReports()
        return rehearsal
    }

    mutating func tell(_ event: SupervisorState.Event) {
        if case .exited(let pid, _) = event { children[pid] = nil }
        for action in state.handle(event, at: now) { note(action) }
    }

    /// The clock goes on by that much, with one look at it at the end.
    mutating func pass(_ duration: Duration) {
        now = now + duration
        tell(.timePassed)
    }

    /// The clock goes on to the state's own deadline, or not at all.
    mutating func passToDeadline() {
        if let deadline = state.deadline, deadline > now { now = deadline }
        tell(.timePassed)
    }

    /// Answers the oldest spawn; nil when none waits.
    @discardableResult
    mutating func start() -> Int32? {
        guard !spawns.isEmpty else { return nil }
        lastPID += 1
        let slot = spawns.removeFirst()
        children[lastPID] = []
        slotOf[lastPID] = slot
        tell(.started(slot: slot, pid: lastPID))
        return lastPID
    }

    mutating func startAll() -> [Int32] {
        var pids: [Int32] = []
        while let pid = start() { pids.append(pid) }
        return pids
    }

    mutating func failToStart() {
        guard !spawns.isEmpty else { return }
        tell(.startFailed(slot: spawns.removeFirst(), ProcessError("posix_spawn", code: 2)))
    }

    mutating func takeReports() -> [SupervisorEvent] {
        defer { reports = [] }
        return reports
    }

    private mutating func note(_ action: SupervisorState.Action) {
        switch action {
        case .spawn(let role, let slot):
            if (role == .responder) != (slot < responders) { absurdities.append("a \(role) in slot \(slot)") }
            if state.isTerminating { absurdities.append("a spawn while terminating") }
            spawns.append(slot)
        case .send(let signal, let pid):
            if children[pid] == nil { absurdities.append("a signal to \(pid), which is dead") }
            children[pid]?.append(signal)
        case .stopListening:
            if hasStoppedListening { absurdities.append("stopped listening twice") }
            hasStoppedListening = true
        case .report(let event): reports.append(event)
        case .end:
            if !children.isEmpty || !spawns.isEmpty { absurdities.append("ended before its children") }
            ends += 1
        }
    }
}
