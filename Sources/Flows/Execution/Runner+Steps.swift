import JSON
import Postgres

/// The execution of one step.
extension Runner {
    private enum Result {
        case done(JSON)
        case failed(TaskFailure)
        case waits(Due, storing: JSON, starting: ChildRuns?)
    }

    /// Executes one attempt of a step, or checks once what the step waits for.
    mutating func advance(
        _ definition: TaskDefinition, _ input: JSON, _ attempt: Int
    ) throws -> RunState.Event {
        if executor.cancellation?.isRequested == true { throw Fenced() }
        let now = elapsed
        let started = began ?? now
        switch try result(of: definition, input, attempt, started: started) {
        case .done(let output):
            record(step(of: definition, attempt: attempt, .success, output, started: started))
            return .succeeded(output)
        case .failed(let failure):
            if began != nil, definition.task.effect == .waiting { try endChildren() }
            if let delay = state.delay(after: failure, chance: .random(in: 0...1)) {
                checkpoint.openStep = step(
                    of: definition, attempt: attempt, .waiting, failure: failure, started: started)
                // The signal was for this attempt; the next attempt waits for its own.
                signal = nil
                return .retries(after: delay)
            }
            record(step(of: definition, attempt: attempt, .failure, failure: failure, started: started))
            weight += definition.input?.weight ?? 0
            return .failed
        case .waits(let due, let stored, let runs):
            checkpoint.openStep = step(of: definition, attempt: attempt, .waiting, stored, started: started)
            others = runs?.statements ?? []
            checkpoint.transfer(runs?.transferred ?? 0)
            return .waits(due)
        }
    }

    /// Ends the runs that a failed attempt has started: it no longer waits for them, and the next one starts its own.
    private mutating func endChildren() throws {
        try openTransaction()
        let execution = checkpoint.execution
        endedChildren += try Queue.endChildren(
            of: execution.id, step: checkpoint.nextNumber, execution.userID, on: connection)
    }

    private mutating func record(_ step: Step) {
        checkpoint.append(step)
        signal = nil
    }

    func step(
        of definition: TaskDefinition, attempt: Int, _ status: StepStatus, _ output: JSON = .null,
        failure: TaskFailure? = nil, started: Duration
    ) -> Step {
        let isOver = status.isEnd
        let edge = isOver ? definition.edge(after: status) : nil
        return Step(
            number: checkpoint.nextNumber, task: definition.name, type: definition.task.type, status: status,
            attempt: attempt, output: output, failure: failure, condition: edge?.condition,
            next: edge.map { flow.name(of: $0.target) },
            started: started, duration: isOver ? elapsed - started : .zero)
    }

    private mutating func result(
        of definition: TaskDefinition, _ input: JSON, _ attempt: Int, started: Duration
    ) throws -> Result {
        let (task, number) = (definition.task, checkpoint.nextNumber)
        do {
            if let wrong = task.input.violations(in: input).first { throw TaskFailure(invalidInput: wrong) }
            if task.effect == .transactional { try openTransaction() }
            // The timeout of a waiting step covers the whole wait, that of any other step one attempt.
            let since = task.effect == .waiting ? start + started : .now
            let deadline = definition.timeout.map { since + $0 }
            let open = checkpoint.openStep
            let context = TaskContext(
                executionID: checkpoint.execution.id, step: number, attempt: attempt,
                userID: checkpoint.execution.userID, task: definition.name, budget: checkpoint.budget,
                connection: connection, engine: engine, deadline: deadline,
                stored: open?.failure == nil ? open?.output : nil, signal: signal, cancellation: executor.cancellation,
                outputRoom: engine.limits.recordSize - weight - (definition.input?.weight ?? 0),
                trace: checkpoint.execution.starter.trace)
            guard task.effect == .waiting, let waiting = task as? any WaitingTask else {
                let output = try task.run(input, in: context)
                if let deadline, .now > deadline { throw TaskFailure.timeout }
                return .done(try checkedOutput(output, definition))
            }
            switch try waiting.advance(input, in: context) {
            case .done(let output): return .done(try checkedOutput(output, definition))
            case .wait(let due, let stored, let runs):
                if let deadline, .now >= deadline { throw TaskFailure.timeout }
                return .waits(due.noLater(than: deadline), storing: stored, starting: runs)
            }
        } catch let failure as TaskFailure {
            // The effect of a failed task is rolled back; a failed pure task keeps the effect of the step before it.
            if task.effect == .transactional { connection.rollback() }
            return .failed(failure)
        }
    }

    private mutating func checkedOutput(_ output: JSON, _ definition: TaskDefinition) throws -> JSON {
        guard output.fits(depth: JSONLimits.standard.depth) else {
            throw TaskFailure(code: "output_too_deep", message: "The output of this step is nested too deeply")
        }
        let more = output.weight + (definition.input?.weight ?? 0)
        guard weight + more <= engine.limits.recordSize else {
            throw TaskFailure.outputTooLarge
        }
        weight += more
        return output
    }
}

extension Due {
    /// Limits a wait to the deadline of its step, if there is one.
    fileprivate func noLater(than deadline: ContinuousClock.Instant?) -> Due {
        guard let deadline else { return self }
        let rest = max(.zero, deadline - .now)
        return switch self {
        case .after(let duration): .after(min(duration, rest))
        case .at(let moment, _): .at(moment, orAfter: rest)
        case .woken: .after(rest)
        case .runs: .runs(orAfter: rest)
        }
    }
}
