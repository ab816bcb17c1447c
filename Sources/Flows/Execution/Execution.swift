package import JSON
import System

/// One run of a flow: its input, its steps, and how it ended. Its values are parsed, to be computed with, or the texts
/// in which they are stored, to be shown.
package struct ExecutionOf<Value: JSONValue>: Sendable {
    package let id: String
    package let userID: String
    package let source: FlowSource
    /// The flow as the client wrote it.
    package let flow: JSON
    /// Whether a task without an input gets the error of a failed task before it: false for flows that were stored by
    /// earlier releases.
    package let passesErrors: Bool
    package let input: Value
    package let starter: Starter
    /// The step of another run that started this one.
    package var parent: Parent?
    /// The run that this one was forked from.
    package var fork: Fork?
    package internal(set) var status = ExecutionStatus.running
    /// The task at which the run ended, if it was not completed.
    package internal(set) var stoppedAt: String?
    /// Why the run ended, if no step has the reason.
    package internal(set) var failure: TaskFailure?
    package internal(set) var steps: [StepOf<Value>] = []
    /// By the database's clock, in microseconds since 1970; nil before the first commit, and for a claimed run.
    package internal(set) var createdAt: Int64?
    /// From the creation of the run to its end; zero while it is active.
    package internal(set) var duration = Duration.zero
    /// What the runs that it started, directly and indirectly, have cost so far, in credits; of those on record.
    package internal(set) var costOfStartedRuns: Int64 = 0

    package init(
        id: String, userID: String, source: FlowSource = .call, flow: JSON, passesErrors: Bool = true, input: Value,
        starter: Starter = .owner
    ) {
        self.id = id
        self.userID = userID
        self.source = source
        self.flow = flow
        self.passesErrors = passesErrors
        self.input = input
        self.starter = starter
    }

    /// The attempt of a step of another run that started this one, and the index of the item that it was started for.
    package struct Parent: Sendable, Equatable {
        package let executionID: String
        package let step: Int
        package let attempt: Int
        package let item: Int

        package init(executionID: String, step: Int, attempt: Int = 1, item: Int = 0) {
            self.executionID = executionID
            self.step = step
            self.attempt = attempt
            self.item = item
        }
    }

    /// The run that is forked, the first step to repeat, and the new input of that step; nil: its original input.
    package struct Fork: Sendable {
        package let executionID: String
        package let step: Int
        package let input: Value?
        /// The inputs that earlier forks gave to copied steps, in the order of the steps. A claimed run does not have
        /// them, because it does not execute these steps.
        package internal(set) var earlierInputs: [(step: Int, input: Value)] = []

        /// Nil for a fork of an earlier release. A claimed run does not have them.
        package internal(set) var differences: Differences?

        package init(executionID: String, step: Int, input: Value?) {
            self.executionID = executionID
            self.step = step
            self.input = input
        }

        /// What differs from the run that is forked.
        package struct Differences: Sendable {
            /// In the form in which it is stored and shown.
            package let json: JSON

            init(json: JSON) { self.json = json }

            /// - Parameter input: whether the first repeated step gets another input.
            init(step: Int, input: Bool, from former: FlowSource, to source: FlowSource) {
                let versions: JSON =
                    former.version == source.version
                    ? .null : ["from": JSON(former.version), "to": JSON(source.version)]
                json = ["step": JSON(step), "input": .bool(input), "version": versions]
            }
        }
    }

    /// The time that is so long after the creation of the run (RFC 3339).
    @inlinable
    package func time(after duration: Duration) -> String? {
        createdAt.map { RFC3339.text(milliseconds: ($0 + duration.microseconds) / 1_000) }
    }

    /// The input of each step.
    package var stepInputs: [Value] {
        let own = ownInputs
        var inputs = StepInputs(input, fork: fork, passesErrors: passesErrors)
        return steps.map { step in
            let input = step.input ?? inputs.next(own: own[TextKey(step.task)])
            inputs.advance(
                output: step.output, failure: step.failure, input: input, isSuperseded: step.isSuperseded)
            return input
        }
    }

    /// The input that a fork gave to a step of this run; nil if none.
    func forkInput(of step: StepOf<Value>) -> Value? {
        var inputs = StepInputs(input, fork: fork, passesErrors: passesErrors)
        for step in steps.prefix(while: { $0.number < step.number }) {
            inputs.advance(output: .null, failure: nil, input: .null, isSuperseded: step.isSuperseded)
        }
        return inputs.forkInput
    }

    /// The inputs that forks gave to the steps before `number`, in their order.
    func forkInputs(before number: Int) -> [(step: Int, input: Value)] {
        guard let fork else { return [] }
        let own = fork.input.map { [(step: fork.step, input: $0)] } ?? []
        return (fork.earlierInputs + own).filter { $0.step < number }
    }

    /// The id and the name that the flow gives itself.
    var flowID: String { flow["id"]?.stringValue ?? "" }
    var flowName: String { flow["name"]?.stringValue ?? "" }

    /// The inputs that the flow's tasks define, by the names of the tasks.
    var ownInputs: [TextKey: Value] {
        var inputs: [TextKey: Value] = [:]
        for task in flow["tasks"]?.arrayValue ?? [] {
            if let name = task["name"]?.stringValue, let input = task["input"] { inputs[TextKey(name)] = Value(input) }
        }
        return inputs
    }
}

package typealias Execution = ExecutionOf<JSON>
package typealias ShownExecution = ExecutionOf<JSONText>

/// Where a run's flow comes from.
package enum FlowSource: Sendable, Equatable {
    /// The flow came with the call and is stored with the run.
    case call
    /// A version of a stored workflow, and whether that has a concurrency limit.
    case workflow(id: String, version: Int, isLimited: Bool)

    package var workflowID: String? { if case .workflow(let id, _, _) = self { id } else { nil } }
    package var version: Int? { if case .workflow(_, let version, _) = self { version } else { nil } }
    var isLimited: Bool { if case .workflow(_, _, let isLimited) = self { isLimited } else { false } }
}

/// The status of a run.
package enum ExecutionStatus: String, Sendable, CaseIterable {
    /// No worker executes it yet.
    case queued
    case running
    /// Waits for a time, a signal, another run or the next attempt of a step.
    case waiting
    case completed
    case endedEarly = "ended_early"
    case failed
    case canceled
    /// Has lasted longer than a run may.
    case expired

    package var isEnd: Bool {
        switch self {
        case .queued, .running, .waiting: false
        case .completed, .endedEarly, .failed, .canceled, .expired: true
        }
    }

    /// The final status of a run. `status` is that of its last step, `target` where the condition after that step led;
    /// nil if there is no condition.
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

/// One step of a run: its result, or its progress.
package struct StepOf<Value: JSONValue>: Sendable {
    /// From 1, in the order of execution.
    package let number: Int
    package let task: String
    package let type: String
    package let status: StepStatus
    /// The number of the attempt, from 1.
    package let attempt: Int
    /// The input, if it cannot be derived from what else is stored: templates gave it, or a failed step leaves it to
    /// the next one.
    package internal(set) var input: Value?
    /// The output; while the step waits, what its task has stored.
    package internal(set) var output: Value
    package let failure: TaskFailure?
    /// The condition that selected the next task, and where it led; nil if the task has no condition.
    package let condition: String?
    package let next: String?
    /// The time from the creation of the run to the start of the step; negative for a step that a fork has copied.
    package let started: Duration
    package let duration: Duration
    /// In credits, at the price when the run was accepted.
    package var cost: Int64 = 0
    /// Whether a later step repeats this one.
    package var isSuperseded = false
}

package typealias Step = StepOf<JSON>

/// The status of a step.
package enum StepStatus: String, Sendable, CaseIterable {
    case success
    case failure
    /// Has begun; its external effect may have happened.
    case running
    case waiting
    case canceled

    package var isEnd: Bool { self == .success || self == .failure }
}
