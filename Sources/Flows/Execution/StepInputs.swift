import JSON

/// The input of each step of a run, in order: set by the fork, or defined by the step's task, or else the output of the
/// previous step, which is null after a failure. The first step gets the input of the run.
struct StepInputs {
    /// The number of the next step.
    private var number = 1
    private var previous: JSON
    /// Nil once the first step that the fork repeats has ended.
    private var fork: Execution.Fork?

    init(_ input: JSON, fork: Execution.Fork?) {
        previous = input
        self.fork = fork
    }

    /// The input of the next step, whose task defines `own`.
    func next(own: JSON?) -> JSON {
        if let fork, number >= fork.step, let input = fork.input { return input }
        return own ?? previous
    }

    /// Moves on to the step after the next one.
    ///
    /// - Parameter isSuperseded: whether a later step repeats the one that has ended.
    mutating func advance(output: JSON, isSuperseded: Bool = false) {
        number += 1
        guard !isSuperseded else { return }
        previous = output
        if let fork, number > fork.step { self.fork = nil }
    }
}
