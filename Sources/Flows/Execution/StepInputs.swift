import JSON
import System

/// The input of each step of a run, in order: set by the fork, or defined by the step's task, or else the output of the
/// previous step, which is null after a failure. The first step gets the input of the run.
struct StepInputs<Value: JSONValue> {
    /// The number of the next step.
    private var number = 1
    private let input: Value
    /// The output of each task's last step, by the names of the tasks.
    private var outputs: [TextKey: Value] = [:]
    /// The task of the previous step; nil before the first.
    private var previous: TextKey?
    /// The inputs that forks set, in the order of the steps; each one until that step, or its repetition, has ended.
    private var changes: [(step: Int, input: Value)]

    init(_ input: Value, fork: ExecutionOf<Value>.Fork?) {
        self.input = input
        changes = fork?.earlierInputs ?? []
        if let fork, let input = fork.input { changes.append((fork.step, input)) }
    }

    /// The input of the next step, whose task defines `own`.
    func next(own: Value?) -> Value { forkInput ?? own ?? previous.flatMap { outputs[$0] } ?? input }

    /// The input that a fork sets for the next step; nil if none.
    var forkInput: Value? { changes.last { $0.step <= number }?.input }

    /// Moves on to this step. The next input is known once the step has ended.
    mutating func skip(to step: Int) {
        number = max(1, step)
        changes.removeAll { $0.step < number }
    }

    /// Moves on after a step of `task` has ended.
    ///
    /// - Parameter isSuperseded: whether a later step repeats it.
    mutating func advance(after task: String, output: Value, isSuperseded: Bool = false) {
        number += 1
        guard !isSuperseded else { return }
        let task = TextKey(task)
        outputs[task] = output
        previous = task
        if !changes.isEmpty { changes.removeAll { $0.step < number } }
    }
}
