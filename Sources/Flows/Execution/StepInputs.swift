import JSON
import System

/// The input of each step of a run that is not stored with it, in order: set by a fork, or defined by the step's task,
/// or else what the previous step has left. The first step gets the input of the run.
struct StepInputs<Value: JSONValue> {
    /// The number of the next step.
    private var number = 1
    private let input: Value
    /// Whether a failed step leaves its error and its input; otherwise it leaves null.
    private let passesErrors: Bool
    /// What the previous step has left; nil before the first.
    private var previous: Value?
    /// The inputs that forks set, in the order of the steps; each one until that step, or its repetition, has ended.
    private var changes: [(step: Int, input: Value)]

    init(_ input: Value, fork: ExecutionOf<Value>.Fork?, passesErrors: Bool) {
        self.input = input
        self.passesErrors = passesErrors
        changes = fork?.earlierInputs ?? []
        if let fork, let input = fork.input { changes.append((fork.step, input)) }
    }

    /// The input of the next step. Its task defines `own`.
    func next(own: Value?) -> Value { forkInput ?? own ?? previous ?? input }

    /// The input that a fork sets for the next step; nil if none.
    var forkInput: Value? { changes.last { $0.step <= number }?.input }

    /// Moves on to this step. The next input is known once the step has ended.
    mutating func skip(to step: Int) {
        number = max(1, step)
        changes.removeAll { $0.step < number }
    }

    /// Moves on after a step has ended.
    ///
    /// - Parameters:
    ///   - input: what the step had; used only if it has failed.
    ///   - isSuperseded: whether a later step repeats it.
    mutating func advance(
        output: Value, failure: TaskFailure?, input: Value, isSuperseded: Bool = false
    ) {
        number += 1
        guard !isSuperseded else { return }
        if passesErrors, let failure {
            previous = Value(error: failure, input: input)
        } else {
            previous = output
        }
        if !changes.isEmpty { changes.removeAll { $0.step < number } }
    }
}

extension JSONValue {
    /// What a failed step leaves to the next one.
    fileprivate init(error: TaskFailure, input: Self) {
        self = .object(["error": Self(error.json), "input": input])
    }
}
