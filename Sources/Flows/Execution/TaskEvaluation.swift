package import JSON

/// The deferred part of the input of a running task, and what its queries see.
struct TaskEvaluation {
    /// What the queries of one step may still cost. A class, because the items of a step share it.
    final class Allowance {
        var rest: TaskInput.Allowance

        init(_ rest: TaskInput.Allowance) { self.rest = rest }
    }

    let deferred: TaskInput.Deferred
    /// `$`, as far as the queries see it.
    let root: JSON
    let allowance: Allowance

    init(_ deferred: TaskInput.Deferred, in scope: RunScope) {
        self.init(deferred, seeing: scope.root(for: deferred.queries))
    }

    init(_ deferred: TaskInput.Deferred, seeing root: JSON, _ allowance: Allowance? = nil) {
        self.deferred = deferred
        self.root = root
        self.allowance = allowance ?? Allowance(deferred.itemTask == nil ? TaskInput.Allowance() : .ofItems)
    }
}

extension TaskContext {
    /// Whether the query of the task's condition selects a node that is neither false nor null.
    ///
    /// - Throws: `TaskFailure` if the query visits too many nodes.
    package var conditionHolds: Bool {
        get throws {
            guard let evaluation, case .condition(let query) = evaluation.deferred else { throw TaskFailure.noFlow }
            do {
                return try query.holds(in: evaluation.root, &evaluation.allowance.rest.budget)
            } catch {
                throw TaskFailure(
                    code: "condition_failed", message: "The condition '\(query.text)' cannot be decided: \(error)")
            }
        }
    }

    /// Runs the task of the deferred input for each of these items, in their order, and returns its outputs.
    ///
    /// - Throws: the `TaskFailure` of the first item that fails, with its index.
    package func outputs(ofItems items: [JSON]) throws -> [JSON] {
        guard let evaluation, case .items(let task, let input) = evaluation.deferred else { throw TaskFailure.noFlow }
        var context = self
        var outputs: [JSON] = []
        outputs.reserveCapacity(items.count)
        for (index, item) in items.enumerated() {
            try check()
            let root = evaluation.root.with(item, at: index)
            context.evaluation = input?.deferred.map { TaskEvaluation($0, seeing: root, evaluation.allowance) }
            let output = try context.output(of: item, at: index) { context in
                let value = try input?.value(seeing: root, &evaluation.allowance.rest) ?? item
                if let wrong = task.input.violations(in: value).first { throw TaskFailure(invalidInput: wrong) }
                return try task.run(value, in: context)
            }
            context.outputRoom -= output.weight + 1
            guard context.outputRoom >= 0 else { throw TaskFailure.outputTooLarge }
            outputs.append(output)
        }
        return outputs
    }

    private func output(of item: JSON, at index: Int, _ body: (TaskContext) throws -> JSON) throws -> JSON {
        do {
            return try body(self)
        } catch let failure as TaskFailure {
            throw failure.ofItem(index)
        }
    }
}

extension JSON {
    /// `$` with an item of a step.
    fileprivate func with(_ item: JSON, at index: Int) -> JSON {
        var members = objectValue ?? JSONObject()
        members["item"] = item
        members["index"] = JSON(index)
        return .object(members)
    }
}

extension TaskFailure {
    /// A task that needs the queries of its flow is executed without a flow.
    fileprivate static let noFlow = TaskFailure(
        code: "invalid_input", message: "This task is only possible as a task of a flow")
}
