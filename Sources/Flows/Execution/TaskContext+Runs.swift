import Crypto
package import JSON
package import Postgres

/// Runs that a step starts: of one version of a workflow, for some of its items.
package struct ChildGroup {
    package let workflow: StoredFlow
    /// The input of each run, and the position of its item among all for which the step starts runs.
    package let inputs: [(item: Int, input: JSON)]
    /// The position of the demand of the task that these runs meet.
    package let demand: Int

    package init(_ workflow: StoredFlow, _ inputs: [(item: Int, input: JSON)], demand: Int = 0) {
        self.workflow = workflow
        self.inputs = inputs
        self.demand = demand
    }
}

/// Runs that a step has started.
package struct ChildRuns {
    package let ids: [String]
    /// The statements that queue the runs. They must commit together with the wait of the step.
    package let statements: [SQL]
    /// The credits that these runs hold from then on, and the run of the step no longer does.
    let transferred: Int64

    init(ids: [String], statements: [SQL], transferred: Int64 = 0) {
        self.ids = ids
        self.statements = statements
        self.transferred = transferred
    }
}

extension TaskContext {
    /// The user's workflow that a text names, its id or its key: in the given version, or else in the one that was
    /// fixed when the run of the step started, or else in the current one. Nil if there is none.
    package func workflow(_ text: String, version: Int?) throws -> StoredFlow? {
        if version == nil, let (id, number) = try Pins.find(of: executionID, on: connection).version(of: text) {
            return try StoredFlow.find(id, of: userID, version: number, on: connection)
        }
        return try StoredFlow.find(text, of: userID, version: version, on: connection)
    }

    /// Starts runs of a stored workflow, one for each input.
    ///
    /// - Parameter firstItem: the position of the first input among all inputs for which the step starts runs.
    /// - Throws: `TaskFailure` if none of them can be started.
    package func start(_ workflow: StoredFlow, on inputs: [JSON], firstItem: Int = 0) throws -> ChildRuns {
        try start([ChildGroup(workflow, inputs.enumerated().map { (firstItem + $0, $1) })])
    }

    /// Starts runs of several stored workflows.
    ///
    /// - Throws: `TaskFailure` if not all of them can be started.
    package func start(_ groups: [ChildGroup]) throws -> ChildRuns {
        do {
            let (budgets, counting) = try engine.planChildren(
                groups, of: (executionID, task, budget), for: userID, on: connection)
            let children = zip(groups, budgets).map { group, budget in
                (executions: group.inputs.map { child(of: group.workflow, $1, item: $0) }, budget: budget)
            }
            return ChildRuns(
                ids: children.flatMap { $0.executions.map(\.id) },
                statements: [counting] + Queue.enqueue(children, counting: engine.storage),
                transferred: children.reduce(0) { $0 + $1.budget.covered * Int64($1.executions.count) })
        } catch let refusal as LaunchRefusal {
            throw TaskFailure(refusal)
        }
    }

    private func child(of workflow: StoredFlow, _ input: JSON, item: Int) -> Execution {
        var child = Execution(
            id: UUIDv7.make(), userID: userID, source: workflow.source, flow: workflow.flow,
            passesErrors: workflow.passesErrors, input: input)
        child.parent = Execution.Parent(executionID: executionID, step: step, attempt: attempt, item: item)
        return child
    }

    /// The number of active runs that the step has started.
    package func activeRuns() throws -> Int {
        try connection.query(
            "SELECT count(*) FROM queue WHERE parent_id = \(executionID) AND parent_step = \(step)"
        ).only.decode(Int.self)
    }

    /// The outputs of all runs that this attempt has started, in the order of their items; null for one that has not
    /// completed.
    ///
    /// - Throws: `TaskFailure` before any output is loaded, if they exceed the rest of the run's record together.
    package func outputs() throws -> [JSON] {
        // The size of a stored value is known without reading it, but a compressed value may be larger than that.
        for size: SQL in ["pg_column_size(s.output)", "octet_length(s.output::text)"] {
            let total = try connection.query(
                """
                SELECT coalesce(sum(\(size)), 0)::bigint FROM executions e \(RunResult.lastStep)
                WHERE \(ownRuns) AND e.status = 'completed'
                """
            ).only.decode(Int.self)
            guard total <= outputRoom else { throw TaskFailure.outputTooLarge }
        }
        return try connection.query(
            """
            SELECT CASE WHEN e.status = 'completed' THEN s.output END
            FROM executions e \(RunResult.lastStep) WHERE \(ownRuns) ORDER BY e.item
            """
        ).map { try $0.decode(JSON?.self) ?? .null }
    }

    /// The condition on `executions e` for the runs of this attempt.
    var ownRuns: SQL { "\(startedRuns) AND e.parent_step = \(step) AND coalesce(e.parent_attempt, 1) = \(attempt)" }

    /// The condition on `executions e` for the runs that this run has started. They are not older than it, except that
    /// the clocks of machines may differ.
    var startedRuns: SQL {
        "e.parent_id = \(executionID) AND e.id >= first_id(time_of(\(executionID)) - interval '1 day')"
    }
}

extension TaskFailure {
    package static let workflowNotFound = TaskFailure(
        code: "workflow_not_found", message: "There is no workflow with this id or key and version")

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
            case .treeFull(let limit):
                TaskFailure(
                    code: "too_many_descendants",
                    message: "A run may lead to at most \(limit) runs, directly and indirectly")
            case .queueFull:
                TaskFailure(
                    code: "too_many_runs",
                    message: "Too many runs of the user are queued, or of the workflow, which has `max_queued`")
            case .versionRemoved: .workflowNotFound
            case .insufficientCredits: .insufficientCredits
            case .storage(let refusal): refusal.failure
            }
    }
}
