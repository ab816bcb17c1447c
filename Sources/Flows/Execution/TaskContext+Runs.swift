import Crypto
package import JSON
package import Postgres

/// Runs that a step has started.
package struct ChildRuns {
    package let ids: [String]
    /// The statements that queue the runs. They must commit together with the wait of the step.
    package let statements: [SQL]
}

extension TaskContext {
    /// Starts runs of a stored workflow, one for each input.
    ///
    /// - Parameter firstItem: the position of the first input among all inputs for which the step starts runs.
    /// - Throws: `TaskFailure` if none of them can be started.
    package func start(_ workflow: StoredFlow, on inputs: [JSON], firstItem: Int = 0) throws -> ChildRuns {
        do {
            let plan = try engine.planChildren(
                inputs.count, of: executionID, workflow.flow, for: userID, on: connection)
            let children = inputs.enumerated().map { offset, input in
                var child = Execution(
                    id: UUIDv7.make(), userID: userID, source: workflow.source, flow: workflow.flow, input: input)
                child.parent = Execution.Parent(executionID: executionID, step: step, item: firstItem + offset)
                return child
            }
            return ChildRuns(ids: children.map(\.id), statements: children.flatMap { engine.enqueuing($0, plan) })
        } catch let refusal as LaunchRefusal {
            throw TaskFailure(refusal)
        }
    }
}

extension TaskFailure {
    /// Why a step fails that could not start its runs.
    fileprivate init(_ refusal: LaunchRefusal) {
        self =
            switch refusal {
            case .invalid:
                TaskFailure(
                    code: "workflow_invalid", message: "The workflow names a task type that no longer exists")
            case .inactive:
                TaskFailure(code: "task_inactive", message: "A task type of the workflow is switched off")
            case .tooDeep:
                TaskFailure(
                    code: "too_deep", message: "Runs may start runs at most \(Engine.maxDepth) levels deep")
            case .queueFull:
                TaskFailure(code: "too_many_runs", message: "Too many of the user's runs are active")
            case .insufficientCredits: .insufficientCredits
            }
    }
}
