import JSON
import System

/// The state machine of a run: which task is next, and when the steps so far must be committed.
///
/// It performs no IO: it takes events and returns the next action, which the caller performs. A commit is due
/// - before a second transactional task would join the transaction of the first,
/// - before and after a step with an external effect, and after a waiting step that failed,
/// - when `stepLimit` steps have ended or `timeLimit` has passed since the last commit,
/// - when the run waits,
/// - and at the end, which the caller commits together with the last open transaction.
///
/// The state of a claimed run is rebuilt from its stored progress and steps.
struct RunState {
    enum Event {
        case started
        case ended(TaskResult, Decision)
        /// The step has not ended: its next attempt follows after that delay, or it waits.
        case retries(after: Duration)
        case waits(Due)
        case committed
    }

    enum Action {
        /// Commit that this attempt begins, then send `committed`.
        case announce(TaskDefinition, attempt: Int)
        /// The input is a failure if its templates have none.
        case run(TaskDefinition, input: Result<JSON, TaskFailure>, attempt: Int)
        case commit
        /// Commit; the run stays in the queue until it is due.
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

    /// What follows a step.
    enum Decision: Sendable {
        /// Nil: the run ends with the status of the step, because no condition holds.
        case target(Target?, condition: String?)
        /// The run fails: it is not known which condition holds.
        case failure(TaskFailure)
    }

    static let stepLimit = 256
    static let timeLimit = Duration.seconds(1)
    /// The maximum number of steps in a run; each visit to a task counts.
    static let maximumSteps = 10_000

    let flow: Flow
    private let input: JSON
    private var current: Int
    private var inputs: StepInputs<JSON>
    /// The input of the current step from its first attempt on; nil before.
    private(set) var stepInput: Result<JSON, TaskFailure>?
    /// What the queries of the flow see of the run.
    private let scope: RunScope.Run
    /// The last result of each task that a query sees, in the order of the tasks.
    private var results: [TaskResult?]
    private var visits: [Int]
    private var stepCount = 0
    /// The attempt of the current step; 0 before the first attempt begins.
    private var attempt = 0
    private var ending: (ExecutionStatus, stoppedAt: String?, TaskFailure?)?
    private var due: Due?
    private var holdsEffect = false
    /// The last step had an effect that no later step may undo: it must be committed before anything else.
    private var mustRecord = false
    private var isAnnounced = false
    private var uncommittedSteps = 0
    private var lastCommit: Duration = .zero

    init(_ flow: Flow, input: JSON, fork: Execution.Fork? = nil, scope: RunScope.Run = .empty) {
        self.flow = flow
        self.input = input
        self.scope = scope
        inputs = StepInputs(input, fork: fork, passesErrors: flow.passesErrors)
        results = flow.references.isEmpty ? [] : Array(repeating: nil, count: flow.tasks.count)
        current = flow.start
        visits = Array(repeating: 0, count: flow.tasks.count)
    }

    /// Returns what to do after `event`. `now` is the time since the run was created.
    mutating func next(_ event: Event, at now: Duration) -> Action {
        switch event {
        case .started: lastCommit = now
        case .ended(let result, let decision): endStep(result, decision)
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
        let input = stepInput ?? input(of: task)
        stepInput = input
        if task.task.effect == .external, !isAnnounced {
            isAnnounced = true
            return .announce(task, attempt: attempt)
        }
        return .run(task, input: input, attempt: attempt)
    }

    /// A fork's input, or the value of the task's own one, or what the previous step has left.
    private func input(of task: TaskDefinition) -> Result<JSON, TaskFailure> {
        guard let own = task.input, inputs.forkInput == nil else { return .success(inputs.next(own: nil)) }
        return Result { () throws(TaskFailure) in try own.value(in: seen()) }
    }

    /// What queries see now.
    func seen() -> RunScope {
        RunScope(
            input: input, run: scope,
            results: zip(flow.tasks, results).compactMap { task, result in
                result.map { (task.name, $0) }
            })
    }

    /// What follows the current step, which ends with that result.
    func decision(after result: TaskResult) -> Decision {
        let task = flow.tasks[current]
        do {
            let condition = try task.condition(in: afterwards(result).seen())
            return .target(condition?.target(after: result.status), condition: condition?.name)
        } catch {
            return .failure(error)
        }
    }

    private func afterwards(_ result: TaskResult) -> RunState {
        var state = self
        state.keep(result)
        return state
    }

    private mutating func keep(_ result: TaskResult) {
        if !results.isEmpty, flow.references.tasks[current] { results[current] = result }
    }

    /// The input of the current step if it is to be stored with it: it cannot be derived from what else is stored.
    ///
    /// - Parameter failed: what follows the step if it has failed; nil: it has not.
    func storedInput(failed decision: Decision?) -> JSON? {
        guard case .success(let input)? = stepInput else { return nil }
        if inputs.forkInput != nil { return nil }
        if let own = flow.tasks[current].input { return own.isLiteral ? Optional.none : input }
        // The next step gets it with the error.
        guard flow.passesErrors, case .target(.task(let next)?, _)? = decision, flow.tasks[next].input == nil else {
            return nil
        }
        return input
    }

    /// The delay before the next attempt of the current step after `failure`; nil if there is no further attempt.
    /// `chance`, from 0 to 1, is the random number for the jitter.
    func delay(after failure: TaskFailure, chance: Double) -> Duration? {
        let task = flow.tasks[current]
        // The timeout of a waiting step covers the whole wait, so after it no time is left for another attempt.
        guard failure.isWorthRetrying, failure != .timeout || task.task.effect != .waiting else { return nil }
        return task.retry.delay(afterAttempt: attempt, chance: chance)
    }

    /// The next task; nil if the run has ended.
    var nextTask: String? { ending == nil ? flow.tasks[current].name : nil }

    /// The maximum number of visits to each task in the rest of the run, in the order of the tasks. No step is open.
    var remainingVisits: [Int] {
        ending == nil ? flow.maximumVisits(from: current, after: visits) : Array(repeating: 0, count: visits.count)
    }

    /// The number of steps of each task that have ended, in the order of the tasks.
    var endedVisits: [Int] {
        var ended = visits
        if attempt > 0 { ended[current] -= 1 }
        return ended
    }

    /// Continues from there. The caller then replays the steps from `progress.number` on.
    ///
    /// - Parameter results: the last results of the tasks that queries see, before that step.
    mutating func restore(_ progress: RunProgress, _ results: [TextKey: TaskResult]) {
        guard progress.visits.count == visits.count else { return }
        for (index, task) in flow.tasks.enumerated() where !self.results.isEmpty {
            self.results[index] = results[TextKey(task.name)]
        }
        visits = progress.visits
        stepCount = visits.reduce(0, +)
        inputs.skip(to: progress.number)
    }

    /// Applies a stored step. Unless the run continues from stored progress, the caller replays all steps in order.
    ///
    /// - Parameter isCounted: whether the visit is part of the progress.
    mutating func replay(_ step: Step, isCounted: Bool = false) {
        guard !step.isSuperseded else {
            return inputs.advance(output: step.output, failure: nil, input: .null, isSuperseded: true)
        }
        guard let known = flow.tasks.firstIndex(where: { $0.name.hasSameBytes(as: step.task) }) else { return }
        current = known
        if !isCounted { _ = enter() }
        stepInput = step.input.map { .success($0) }
        switch step.status {
        case .success, .failure, .canceled:
            let result = TaskResult(
                step.status == .success ? .success : .failure, step.output, failure: step.failure,
                attempt: step.attempt)
            endStep(result, .target(step.next.flatMap(flow.target(named:)), condition: step.condition))
        // The attempt began and its outcome is unknown, or it failed: the next attempt follows.
        case .running: attempt = step.attempt + 1
        case .waiting: attempt = step.attempt + (step.failure == nil ? 0 : 1)
        }
        (uncommittedSteps, holdsEffect, mustRecord) = (0, false, false)
    }

    /// Continues the attempt that `replay` has found to have begun, because its outcome is known after all; returns its
    /// task.
    mutating func continueAttempt() -> TaskDefinition {
        attempt -= 1
        isAnnounced = true
        let task = flow.tasks[current]
        stepInput = stepInput ?? input(of: task)
        return task
    }

    /// Begins the first attempt of the current task. Returns the failure if a limit is exceeded.
    private mutating func enter() -> TaskFailure? {
        visits[current] += 1
        stepCount += 1
        attempt = 1
        if let limit = flow.tasks[current].maxVisits, visits[current] > limit {
            return TaskFailure(code: "max_visits", message: "The task was entered more than \(limit) times")
        }
        guard stepCount <= RunState.maximumSteps else {
            return TaskFailure(code: "too_many_steps", message: "The run has more than \(RunState.maximumSteps) steps")
        }
        return nil
    }

    private mutating func endStep(_ result: TaskResult, _ decision: Decision) {
        let task = flow.tasks[current]
        uncommittedSteps += 1
        attempt = 0
        isAnnounced = false
        // The effect of a failed task was rolled back.
        if task.task.effect == .transactional { holdsEffect = result.status == .success }
        switch task.task.effect {
        case .external: mustRecord = true
        // It has ended the runs that it started: a later step that fails must not roll that back.
        case .waiting: mustRecord = result.status == .failure
        case .pure, .transactional: break
        }
        keep(result)
        let input = endedInput
        inputs.advance(output: result.output, failure: result.failure, input: input)
        stepInput = nil
        switch decision {
        case .target(.task(let next), _): current = next
        case .target(let target, _):
            let ended = ExecutionStatus(endedWith: result.status, at: target)
            ending = (ended, stoppedAt: ended == .completed ? nil : task.name, nil)
        case .failure(let failure): ending = (.failed, stoppedAt: task.name, failure)
        }
    }

    /// The input of the step that has just ended. One that could not be made is as the flow defines it.
    private var endedInput: JSON {
        if case .success(let input)? = stepInput { return input }
        return inputs.next(own: flow.tasks[current].input?.definition)
    }

    private func mustCommit(before task: TaskDefinition, at now: Duration) -> Bool {
        guard uncommittedSteps > 0 else { return false }
        return mustRecord || (holdsEffect && task.task.effect == .transactional)
            || uncommittedSteps >= RunState.stepLimit || now - lastCommit >= RunState.timeLimit
    }
}
