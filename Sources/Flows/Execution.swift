package import JSON

/// One run of a flow: what it was given, what each step gave, how it ended.
package struct Execution: Sendable {
    package let id: String
    package let userID: String
    /// The flow as the caller wrote it.
    package let flow: JSON
    package let input: JSON
    package internal(set) var status = ExecutionStatus.running
    /// The task at which a run ended that was not completed.
    package internal(set) var stoppedAt: String?
    package internal(set) var steps: [Step] = []
    /// From the first step's start to the end.
    package internal(set) var duration = Duration.zero

    /// The last step's output.
    package var result: JSON { steps.last?.output ?? .null }

    /// What a step was given: its task's own input, or else what the step before it gave.
    package func input(of step: Step) -> JSON {
        let task = flow["tasks"]?.arrayValue?.first { $0["name"]?.stringValue == step.task }
        if let own = task?["input"] { return own }
        return step.number > 1 ? steps[step.number - 2].output : input
    }
}

/// How a run stands or ended.
package enum ExecutionStatus: String, Sendable, CaseIterable {
    case running
    case completed
    case endedEarly = "ended_early"
    case failed

    /// How a run ends whose last step had `status` and was led to `target`; nil when no condition led anywhere.
    init(endedWith status: StepStatus, at target: Target?) {
        switch (target, status) {
        case (.endSuccess, _): self = .completed
        case (.endFailed, _): self = .failed
        case (_, .success): self = .completed
        case (nil, .failure): self = .failed
        case (_, .failure): self = .endedEarly
        }
    }
}

/// The result of one step.
package struct Step: Sendable {
    /// From 1, in the order of running.
    package let number: Int
    package let task: String
    package let type: String
    package let status: StepStatus
    package let attempt: Int
    package let output: JSON
    package let failure: TaskFailure?
    /// The condition that decided what came next, and where it led; nil when none did.
    package let condition: String?
    package let next: String?
    /// Since the run began.
    package let started: Duration
    package let duration: Duration
}

extension Duration {
    /// Whole microseconds, as they are stored.
    package var microseconds: Int64 {
        components.seconds * 1_000_000 + components.attoseconds / 1_000_000_000_000
    }

    /// Milliseconds to the microsecond, as they are answered.
    package var milliseconds: Double { Double(microseconds) / 1_000 }
}
