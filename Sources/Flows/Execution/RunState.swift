import JSON

/// Where a run stands: which task is next, and when what happened so far must be committed.
///
/// Pure: events go in, the next action comes out, and the caller does what it says. A commit is due
/// - before a second transactional task would join the transaction of the first,
/// - before and after a step with an effect elsewhere,
/// - when `stepLimit` steps or `timeLimit` have gone by since the last one,
/// - when the run waits,
/// - and at the end, which the caller commits together with the last open transaction.
///
/// A run that is taken up again is brought to where it stood by the steps on its record.
struct RunState {
    enum Event {
        case started
        case succeeded(JSON)
        case failed
        /// The step is not over: its next attempt comes after that time, or it waits.
        case retries(after: Duration)
        case waits(Due)
        case committed
    }

    enum Action {
        /// Commit that this attempt begins, then say so.
        case announce(TaskDefinition, input: JSON, attempt: Int)
        case run(TaskDefinition, input: JSON, attempt: Int)
        case commit
        /// Commit, and leave the run to whoever takes it then.
        case suspend(Due)
        case end(ExecutionStatus, stoppedAt: String?, TaskFailure?)

        /// Whether an attempt of a step begins.
        var isStep: Bool {
            switch self {
            case .announce, .run: true
            case .commit, .suspend, .end: false
            }
        }
    }

    static let stepLimit = 256
    static let timeLimit = Duration.seconds(1)
    /// So many steps a run may have in all, those of its cycles included.
    static let longestRun = 10_000

    private let flow: Flow
    private var current: Int
    private var input: JSON
    private var visits: [Int]
    private var stepCount = 0
    /// Of the current step; none has begun as long as it is 0.
    private var attempt = 0
    private var ending: (ExecutionStatus, stoppedAt: String?, TaskFailure?)?
    private var due: Due?
    private var holdsEffect = false
    /// The last step acted elsewhere: its result goes on record before anything else.
    private var mustRecord = false
    private var isAnnounced = false
    private var uncommittedSteps = 0
    private var lastCommit: Duration = .zero

    init(_ flow: Flow, input: JSON) {
        self.flow = flow
        self.input = input
        current = flow.start
        visits = Array(repeating: 0, count: flow.tasks.count)
    }

    /// What to do after `event`, which happened `now` after the run began.
    mutating func next(_ event: Event, at now: Duration) -> Action {
        switch event {
        case .started: lastCommit = now
        case .succeeded(let output): leave(.success, output: output)
        case .failed: leave(.failure, output: .null)
        case .retries(let delay):
            attempt += 1
            isAnnounced = false
            if delay > .zero { due = .after(delay) }
        case .waits(let due): self.due = due
        case .committed:
            uncommittedSteps = 0
            holdsEffect = false
            mustRecord = false
            lastCommit = now
        }
        if let due { return .suspend(due) }
        if let (status, stoppedAt, failure) = ending { return .end(status, stoppedAt: stoppedAt, failure) }
        let task = flow.tasks[current]
        if mustCommit(before: task, at: now) { return .commit }
        if attempt == 0, let refusal = enter() { return .end(.failed, stoppedAt: task.name, refusal) }
        if task.task.effect == .external, !isAnnounced {
            isAnnounced = true
            return .announce(task, input: task.input ?? input, attempt: attempt)
        }
        return .run(task, input: task.input ?? input, attempt: attempt)
    }

    /// The wait before the current step's next attempt, when the one at hand failed so; nil if it is the last one.
    /// `chance`, from 0 to 1, is for the part of the wait that is left to it.
    func delay(after failure: TaskFailure, chance: Double) -> Duration? {
        let task = flow.tasks[current]
        // A wait that ran out of time has taken all that its step has.
        guard failure.isWorthRetrying, failure != .timeout || task.task.effect != .waiting else { return nil }
        return task.retry.delay(afterAttempt: attempt, chance: chance)
    }

    /// The task that comes next, unless the run is over.
    var nextTask: String? { ending == nil ? flow.tasks[current].name : nil }

    /// Takes note of a step on the record, in their order; superseded ones are left out.
    mutating func replay(_ step: Step) {
        guard let known = flow.tasks.firstIndex(where: { $0.name == step.task }) else { return }
        current = known
        _ = enter()
        switch step.status {
        case .success: leave(.success, output: step.output)
        case .failure, .canceled: leave(.failure, output: .null)
        // It began and nobody knows how it ended, or its attempt failed: the next one.
        case .running: attempt = step.attempt + 1
        case .waiting: attempt = step.attempt + (step.failure == nil ? 0 : 1)
        }
        (uncommittedSteps, holdsEffect, mustRecord) = (0, false, false)
    }

    /// Begins the current task's first attempt; returns why it may not be begun.
    private mutating func enter() -> TaskFailure? {
        visits[current] += 1
        stepCount += 1
        attempt = 1
        if let limit = flow.tasks[current].maxVisits, visits[current] > limit {
            return TaskFailure(code: "max_visits", message: "The task was entered more than \(limit) times")
        }
        guard stepCount <= RunState.longestRun else {
            return TaskFailure(code: "too_many_steps", message: "The run has more than \(RunState.longestRun) steps")
        }
        return nil
    }

    private mutating func leave(_ status: StepStatus, output: JSON) {
        let task = flow.tasks[current]
        uncommittedSteps += 1
        attempt = 0
        isAnnounced = false
        // A failed effect was rolled back: nothing of it is held.
        if task.task.effect == .transactional { holdsEffect = status == .success }
        if task.task.effect == .external { mustRecord = true }
        input = output
        let target = task.condition?.target(after: status)
        if case .task(let next) = target {
            current = next
        } else {
            let ended = ExecutionStatus(endedWith: status, at: target)
            ending = (ended, stoppedAt: ended == .completed ? nil : task.name, nil)
        }
    }

    private func mustCommit(before task: TaskDefinition, at now: Duration) -> Bool {
        guard uncommittedSteps > 0 else { return false }
        return mustRecord || (holdsEffect && task.task.effect == .transactional)
            || uncommittedSteps >= RunState.stepLimit || now - lastCommit >= RunState.timeLimit
    }
}
