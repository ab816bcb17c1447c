import JSON

/// Where a run stands: which task is next, and when what happened so far must be committed.
///
/// Pure: events go in, the next action comes out, and the caller does what it says. A commit is due
/// - before a second transactional task would join the transaction of the first,
/// - when `stepLimit` steps or `timeLimit` have gone by since the last one,
/// - and at the end, which the caller commits together with the last open transaction.
struct RunState {
    enum Event {
        case started
        case succeeded(JSON)
        case failed(TaskFailure)
        case committed
    }

    enum Action {
        case run(TaskDefinition, input: JSON)
        case commit
        case end(ExecutionStatus, stoppedAt: String?)
    }

    static let stepLimit = 256
    static let timeLimit = Duration.seconds(1)

    private let flow: Flow
    private var current: Int
    private var input: JSON
    private var ending: (ExecutionStatus, stoppedAt: String?)?
    private var holdsEffect = false
    private var uncommittedSteps = 0
    private var lastCommit: Duration = .zero

    init(_ flow: Flow, input: JSON) {
        self.flow = flow
        self.input = input
        current = flow.start
    }

    /// What to do after `event`, which happened `now` after the run began.
    mutating func next(_ event: Event, at now: Duration) -> Action {
        switch event {
        case .started: break
        case .succeeded(let output): leave(.success, output: output)
        case .failed: leave(.failure, output: .null)
        case .committed:
            uncommittedSteps = 0
            holdsEffect = false
            lastCommit = now
        }
        if let (status, stoppedAt) = ending { return .end(status, stoppedAt: stoppedAt) }
        let task = flow.tasks[current]
        if mustCommit(before: task, at: now) { return .commit }
        return .run(task, input: task.input ?? input)
    }

    private mutating func leave(_ status: StepStatus, output: JSON) {
        let task = flow.tasks[current]
        uncommittedSteps += 1
        // A failed effect was rolled back: nothing of it is held.
        if task.task.effect == .transactional { holdsEffect = status == .success }
        input = output
        let target = task.condition?.target(after: status)
        if case .task(let next) = target {
            current = next
        } else {
            let ended = ExecutionStatus(endedWith: status, at: target)
            ending = (ended, stoppedAt: ended == .completed ? nil : task.name)
        }
    }

    private func mustCommit(before task: TaskDefinition, at now: Duration) -> Bool {
        guard uncommittedSteps > 0 else { return false }
        return (holdsEffect && task.task.effect == .transactional)
            || uncommittedSteps >= RunState.stepLimit || now - lastCommit >= RunState.timeLimit
    }
}
