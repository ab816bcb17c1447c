package import JSON

/// One run of a flow: what it was given, what each step gave, how it ended.
package struct Execution: Sendable {
    package let id: String
    package let userID: String
    package let source: FlowSource
    /// The flow as the caller wrote it.
    package let flow: JSON
    package let input: JSON
    /// The step of another run that started this one.
    package var parent: Parent?
    /// The run that this one repeats in part.
    package var fork: Fork?
    package internal(set) var status = ExecutionStatus.running
    /// The task at which a run ended that was not completed.
    package internal(set) var stoppedAt: String?
    /// Why it ended, where no step says so.
    package internal(set) var failure: TaskFailure?
    package internal(set) var steps: [Step] = []
    /// From the first step's start to the end.
    package internal(set) var duration = Duration.zero

    package init(id: String, userID: String, source: FlowSource = .call, flow: JSON, input: JSON) {
        self.id = id
        self.userID = userID
        self.source = source
        self.flow = flow
        self.input = input
    }

    /// Of a run that starts others: which step, and which item of those that the step has.
    package struct Parent: Sendable, Equatable {
        package let executionID: String
        package let step: Int
        package let item: Int

        package init(executionID: String, step: Int, item: Int = 0) {
            self.executionID = executionID
            self.step = step
            self.item = item
        }
    }

    /// From which step on it is run anew, and what that step is given if not what it was given then.
    package struct Fork: Sendable {
        package let executionID: String
        package let step: Int
        package let input: JSON?

        package init(executionID: String, step: Int, input: JSON?) {
            self.executionID = executionID
            self.step = step
            self.input = input
        }
    }

    /// The last step's output.
    package var result: JSON { steps.last.map { $0.status.isEnd ? $0.output : .null } ?? .null }

    /// What its steps cost together, in credits.
    package var cost: Int64 { steps.reduce(0) { $0 + $1.cost } }

    /// What each step was given: by the fork, or its task's own input, or else what the step before it gave.
    package var stepInputs: [JSON] {
        let own = ownInputs
        var (before, hasForked) = (input, false)
        return steps.map { step in
            defer {
                if !step.isSuperseded {
                    before = step.output
                    hasForked = hasForked || step.number >= fork?.step ?? .max
                }
            }
            if !hasForked, let changed = forkInput(of: step.number) { return changed }
            return own[step.task] ?? before
        }
    }

    /// By the names of their tasks.
    var ownInputs: [String: JSON] {
        var inputs: [String: JSON] = [:]
        for task in flow["tasks"]?.arrayValue ?? [] {
            if let name = task["name"]?.stringValue, let input = task["input"] { inputs[name] = input }
        }
        return inputs
    }

    /// What a fork gives the first step that it does anew, each time that this is tried.
    func forkInput(of number: Int) -> JSON? {
        guard let fork, number >= fork.step else { return nil }
        return fork.input
    }
}

/// Where a run's flow comes from.
package enum FlowSource: Sendable, Equatable {
    /// It came with the call and is kept with the run.
    case call
    /// A version of a stored workflow, and how many runs of that workflow may be under way at once.
    case workflow(id: String, version: Int, concurrency: Int?)

    package var workflowID: String? { if case .workflow(let id, _, _) = self { id } else { nil } }
    package var version: Int? { if case .workflow(_, let version, _) = self { version } else { nil } }
    var concurrency: Int? { if case .workflow(_, _, let concurrency) = self { concurrency } else { nil } }
}

/// How a run stands or ended.
package enum ExecutionStatus: String, Sendable, CaseIterable {
    /// Nobody works on it yet.
    case queued
    case running
    /// For a time, a signal, another run or the next attempt of a step.
    case waiting
    case completed
    case endedEarly = "ended_early"
    case failed
    case canceled

    package var isEnd: Bool {
        switch self {
        case .queued, .running, .waiting: false
        case .completed, .endedEarly, .failed, .canceled: true
        }
    }

    /// How a run ends whose last step had `status` and was led to `target`; nil when no condition led anywhere.
    init(endedWith status: StepStatus, at target: Target?) {
        switch (target, status) {
        case (.endSuccess, _): self = .completed
        case (.endFailed, _): self = .failed
        case (_, .success): self = .completed
        case (nil, _): self = .failed
        case (_, _): self = .endedEarly
        }
    }
}

/// One step: its result, or how far it has come.
package struct Step: Sendable {
    /// From 1, in the order of running.
    package let number: Int
    package let task: String
    package let type: String
    package let status: StepStatus
    /// Which try this is, from 1.
    package let attempt: Int
    /// While it waits, what its task keeps.
    package let output: JSON
    package let failure: TaskFailure?
    /// The condition that decided what came next, and where it led; nil when none did.
    package let condition: String?
    package let next: String?
    /// Since the run began.
    package let started: Duration
    package let duration: Duration
    /// In credits, at the price of the time.
    package var cost: Int64 = 0
    /// A later step did its task again.
    package var isSuperseded = false
}

/// How a step stands or ended.
package enum StepStatus: String, Sendable, CaseIterable {
    case success
    case failure
    /// Its effect elsewhere may have happened.
    case running
    case waiting
    case canceled

    var isEnd: Bool { self == .success || self == .failure }
}

extension Duration {
    /// Whole microseconds, as they are stored.
    package var microseconds: Int64 {
        let (seconds, attoseconds) = components
        return seconds * 1_000_000 + attoseconds / 1_000_000_000_000
    }

    /// Milliseconds to the microsecond, as they are answered.
    package var milliseconds: Double { Double(microseconds) / 1_000 }
}
