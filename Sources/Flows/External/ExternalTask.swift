package import JSON

/// A task with one call of something outside of this process as its effect, such as a web service. A worker executes
/// it, and the run occupies no thread while the call lasts.
package protocol ExternalTask: FlowTask {
    /// Checks the input and prepares the call of one attempt, without beginning it. Throws `TaskFailure` if there is
    /// nothing to call.
    func prepare(_ input: JSON, in context: TaskContext) throws -> ExternalCall
}

extension ExternalTask {
    package var effect: Effect { .external }

    /// Fails the step: this process makes no calls.
    package func run(_ input: JSON, in context: TaskContext) throws -> JSON {
        throw TaskFailure(code: "cannot_call", message: "This task makes a call, which is not possible here")
    }
}

/// A call that is prepared, and not begun.
package struct ExternalCall: Sendable {
    /// Aborts the call, which then ends soon.
    package typealias Cancel = @Sendable () -> Void
    package typealias Ended = @Sendable (CallEnd) -> Void

    /// What is called, such as a host: calls of the same target share a limit, and the log names it.
    let target: String
    /// Begins the call and returns at once. `Ended` is called exactly once, on any thread, even before this returns.
    let begin: @Sendable (@escaping Ended) -> Cancel

    package init(to target: String, begin: @escaping @Sendable (@escaping Ended) -> Cancel) {
        self.target = target
        self.begin = begin
    }
}

/// How a call ended.
package struct CallEnd: Sendable {
    /// The class of the outcome for metrics, from a list of the program: `2xx`, `timeout`.
    let outcome: String
    /// Whether the operator is to be informed: the target cannot be reached, or is in trouble.
    package var isTrouble: Bool
    /// How long something of the call goes on after this end, such as a thread: it counts as running for that long.
    package var remains = Duration.zero
    /// The output of the step; throws `TaskFailure` if it has failed. Called on the thread that continues the run.
    let output: @Sendable () throws -> JSON

    package init(_ outcome: String, isTrouble: Bool = false, output: @escaping @Sendable () throws -> JSON) {
        self.outcome = outcome
        self.isTrouble = isTrouble
        self.output = output
    }
}
