import JSON

/// The deferred part of the input of a running task, and what its queries see.
struct TaskEvaluation {
    let deferred: TaskInput.Deferred
    /// `$`, as far as the queries see it.
    let root: JSON

    init(_ deferred: TaskInput.Deferred, in scope: RunScope) {
        self.init(deferred, seeing: scope.root(for: deferred.queries))
    }

    init(_ deferred: TaskInput.Deferred, seeing root: JSON) {
        self.deferred = deferred
        self.root = root
    }
}

extension TaskContext {
    /// Whether the query of the task's condition selects a node that is neither false nor null.
    ///
    /// - Throws: `TaskFailure` if the query visits too many nodes.
    package var conditionHolds: Bool {
        get throws {
            guard let evaluation, case .condition(let query) = evaluation.deferred else { throw TaskFailure.noFlow }
            var budget = JSONPathBudget()
            do {
                return try query.holds(in: evaluation.root, &budget)
            } catch {
                throw TaskFailure(
                    code: "condition_failed", message: "The condition '\(query.text)' cannot be decided: \(error)")
            }
        }
    }
}

extension TaskFailure {
    /// A task that needs the queries of its flow is executed without a flow.
    fileprivate static let noFlow = TaskFailure(
        code: "invalid_input", message: "This task is only possible as a task of a flow")
}
