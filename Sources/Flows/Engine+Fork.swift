import Crypto
package import JSON
package import Postgres
import System

extension Engine {
    /// Queues a new run, with that id, that copies the steps of an earlier run before `number` and executes the rest.
    /// Returns nil if the earlier run is still active.
    ///
    /// - Parameters:
    ///   - input: the input of the first repeated step; nil: that of the earlier run.
    ///   - version: the version of the workflow; nil: that of the earlier run.
    ///   - starter: who starts the new run, which belongs to the owner of the earlier one.
    /// - Throws: `LaunchRefusal`; `.invalid` also points to `/step` or `/version`.
    package func fork(
        _ former: Execution, from number: Int, input: JSON?, version: Int?, by starter: Starter = .owner,
        as id: String = UUIDv7.make(), on connection: Connection
    ) throws -> Execution? {
        guard former.status.isEnd else { return nil }
        guard let (step, given) = zip(former.steps, former.stepInputs).first(where: { $0.0.number == number }) else {
            throw LaunchRefusal.invalid("/step", "is not a step of this run")
        }
        guard !step.isSuperseded else {
            throw LaunchRefusal.invalid("/step", "is superseded: since a resume, a later step repeats it")
        }
        let (source, flow, stored) = try source(of: former, version: version, on: connection)
        let passesErrors = stored?.passesErrors ?? former.passesErrors
        let plan = try plan(flow, passesErrors: passesErrors, for: former.userID, on: connection)
        let copied = former.steps.filter { $0.number < number }
        guard plan.flow.leads(copied, to: step.task, input: former.input) else {
            throw LaunchRefusal.invalid("/version", "does not lead to this step in the same way")
        }
        let ownInput = input ?? former.forkInput(of: step)
        if let ownInput, let name = plan.flow.deferredMember(of: step.task, changedBy: ownInput) {
            throw LaunchRefusal.invalid(
                input == nil ? "/version" : "/input/\(name)",
                "must leave '\(name)' of the step's input as the flow defines it")
        }
        var execution = Execution(
            id: id, userID: former.userID, source: source, flow: flow, passesErrors: passesErrors,
            input: number == 1 ? ownInput ?? former.input : former.input, starter: starter)
        let givesInput = number == 1 && input != nil && !plan.flow.startsWithOwnInput
        if givesInput || version != nil && (number > 1 || ownInput == nil) {
            try stored?.check(inputOfFork: execution.input, isGiven: givesInput)
        }
        var fork = Execution.Fork(executionID: former.id, step: number, input: ownInput)
        fork.earlierInputs = former.forkInputs(before: number)
        fork.differences = Execution.Fork.Differences(
            step: number, input: input != nil && input != given, from: former.source, to: source)
        execution.fork = fork
        guard execution.weight(copying: copied) <= limits.recordSize else {
            throw LaunchRefusal.invalid("/input", "makes the record of the run too large")
        }
        return try connection.atomically { connection in
            // Before the lock of the record, as in a resume.
            try connection.execute(Places.lock(of: former.userID))
            guard try former.lockRecord(on: connection) else { return nil }
            do {
                try enqueue(execution, plan.remaining(after: copied), on: connection)
            } catch LaunchRefusal.versionRemoved {
                throw LaunchRefusal.invalid("/version", "is not a version of the run's workflow")
            }
            return execution
        }
    }

    /// The source and flow of a run, or those of another version of its workflow.
    private func source(
        of former: Execution, version: Int?, on connection: Connection
    ) throws -> (source: FlowSource, flow: JSON, stored: StoredFlow?) {
        guard case .workflow(let id, let formerVersion, _) = former.source else {
            guard version == nil else {
                throw LaunchRefusal.invalid("/version", "is not allowed: the run's flow is not a stored workflow's")
            }
            return (.call, former.flow, nil)
        }
        guard let stored = try StoredFlow.find(id, version: version ?? formerVersion, on: connection) else {
            throw LaunchRefusal.invalid("/version", "is not a version of the run's workflow")
        }
        return (stored.source, stored.flow, stored)
    }
}

extension Execution {
    /// The size of a fork's record at its start, in approximate bytes of JSON text.
    fileprivate func weight(copying steps: [Step]) -> Int {
        let inputs = [input, fork?.input].compactMap(\.self) + (fork?.earlierInputs.map(\.input) ?? [])
        return inputs.reduce(0) { $0 + $1.weight } + steps.reduce(0) { $0 + $1.output.weight + ($1.input?.weight ?? 0) }
    }
}

extension Flow {
    /// Whether the first task defines its input. Then the run's input is not what a fork of its step gets.
    fileprivate var startsWithOwnInput: Bool { tasks[start].input != nil }
}

extension Flow {
    /// A member of the task's input that only a flow defines, and that is not as in the flow; nil if none.
    fileprivate func deferredMember(of task: String, changedBy input: JSON) -> String? {
        guard let definition = tasks.first(where: { $0.name.hasSameBytes(as: task) }) else { return nil }
        let members = (definition.task.deferredInput?.members ?? []) + definition.task.literals
        return members.first { input[$0] != definition.input?.definition[$0] }
    }
}

extension StoredFlow {
    /// Throws if this version does not accept the input of a fork: the caller has given it, or has named the version.
    fileprivate func check(inputOfFork input: JSON, isGiven: Bool) throws {
        let problems = problems(ofInput: input, at: isGiven ? "/input" : "")
        guard let first = problems.first else { return }
        guard !isGiven else { throw LaunchRefusal.invalid(problems) }
        throw LaunchRefusal.invalid(
            "/version", "does not accept the run's input: \(first.pointer) \(first.message)")
    }
}

extension Engine.Plan {
    /// The plan of a run that continues after these steps.
    fileprivate func remaining(after steps: [Step]) -> Engine.Plan {
        Engine.Plan(
            flow: flow, warnings: warnings, budget: budget.remaining(of: flow, after: steps),
            unboundedBecause: unboundedBecause)
    }
}

extension LaunchRefusal {
    fileprivate static func invalid(_ pointer: String, _ message: String) -> LaunchRefusal {
        .invalid([Violation(pointer: pointer, message: message)])
    }
}
