import JSON
import Postgres

/// The execution of one step.
extension Runner {
    enum Outcome {
        case done(JSON)
        case failed(TaskFailure)
        case calls(ExternalCall)
        case waits(Due, storing: JSON, starting: ChildRuns?, together: [SQL])
    }

    /// Executes one attempt of a step, or checks once what the step waits for. Returns nil if the attempt makes a call,
    /// which `call` then is.
    mutating func advance(
        _ definition: TaskDefinition, _ input: Result<JSON, TaskFailure>, _ attempt: Int
    ) throws -> RunState.Event? {
        if executor.cancellation?.isRequested == true { throw Fenced() }
        let now = elapsed
        let started = began ?? now
        return try conclude(
            definition, try result(of: definition, input, attempt, started: started), attempt, started: started)
    }

    /// Records the result of an attempt, or keeps the call that it makes.
    mutating func conclude(
        _ definition: TaskDefinition, _ result: Outcome, _ attempt: Int, started: Duration
    ) throws -> RunState.Event? {
        switch result {
        case .calls(let call):
            self.call = call
            return nil
        case .done(let output):
            return end(definition, TaskResult(.success, output, attempt: attempt), started: started)
        case .failed(let failure):
            if began != nil, definition.task.effect == .waiting { try endChildren() }
            let pause = state.delay(after: failure, chance: .random(in: 0...1)).map {
                max($0, failure.retryAfter ?? .zero)
            }
            // The next attempt would come too late: the step keeps the failure of this one.
            if let delay = pause, elapsed + delay <= engine.limits.lifetime.duration {
                checkpoint.openStep = step(
                    of: definition, attempt: attempt, .waiting, failure: failure, started: started)
                // The signal was for this attempt; the next attempt waits for its own.
                signal = nil
                return .retries(after: delay)
            }
            weight += inputWeight(of: definition) + failure.message.utf8.count + (failure.details?.weight ?? 0)
            return end(definition, TaskResult(.failure, failure: failure, attempt: attempt), started: started)
        case .waits(let due, let stored, let runs, let statements):
            checkpoint.openStep = step(of: definition, attempt: attempt, .waiting, stored, started: started)
            others = statements + (runs?.statements ?? [])
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

    /// Records the end of a step, with what follows it.
    private mutating func end(
        _ definition: TaskDefinition, _ result: TaskResult, started: Duration
    ) -> RunState.Event {
        let decision = state.decision(after: result)
        checkpoint.append(
            step(
                of: definition, attempt: result.attempt, result.status, result.output, failure: result.failure,
                started: started, decision), of: definition.types)
        signal = nil
        return .ended(result, decision)
    }

    /// - Parameter decision: what follows the step; nil: it has not ended.
    func step(
        of definition: TaskDefinition, attempt: Int, _ status: StepStatus, _ output: JSON = .null,
        failure: TaskFailure? = nil, started: Duration, _ decision: RunState.Decision? = nil
    ) -> Step {
        var target: Target?
        var condition: String?
        if case .target(let known, let name)? = decision { (target, condition) = (known, name) }
        return Step(
            number: checkpoint.nextNumber, task: definition.name, type: definition.task.type, status: status,
            attempt: attempt, input: state.storedInput(failed: status == .failure ? decision : nil), output: output,
            failure: failure,
            condition: condition, next: target.map(flow.name(of:)), started: started,
            duration: status.isEnd ? elapsed - started : .zero)
    }

    private mutating func result(
        of definition: TaskDefinition, _ given: Result<JSON, TaskFailure>, _ attempt: Int, started: Duration
    ) throws -> Outcome {
        let (task, number) = (definition.task, checkpoint.nextNumber)
        do {
            let input = try given.get()
            if let wrong = task.input.violations(in: input).first { throw TaskFailure(invalidInput: wrong) }
            if task.effect == .transactional { try openTransaction() }
            // The timeout of a waiting step covers the whole wait, that of any other step one attempt.
            let since = task.effect == .waiting ? start + started : .now
            let deadline = definition.timeout.map { since + $0 }
            let open = checkpoint.openStep
            var context = TaskContext(
                executionID: checkpoint.execution.id, step: number, attempt: attempt,
                userID: checkpoint.execution.userID, task: definition.name, budget: checkpoint.budget,
                connection: connection, engine: engine, deadline: deadline,
                stored: open?.failure == nil ? open?.output : nil, signal: signal, cancellation: executor.cancellation,
                outputRoom: engine.limits.recordSize - weight - inputWeight(of: definition),
                trace: checkpoint.execution.starter.trace, credential: definition.credential)
            if task.effect == .pure { context.time = time }
            context.evaluation = definition.input?.deferred.map { TaskEvaluation($0, in: state.seen()) }
            if executor.cancellation != nil, engine.calls != nil, let external = task as? any ExternalTask {
                return .calls(try external.prepare(input, in: context))
            }
            guard task.effect == .waiting, let waiting = task as? any WaitingTask else {
                let output = try task.run(input, in: context)
                if let deadline, .now > deadline { throw TaskFailure.timeout }
                return .done(try checkedOutput(output, definition))
            }
            switch try waiting.advance(input, in: context) {
            case .done(let output): return .done(try checkedOutput(output, definition))
            case .wait(let due, let stored, let runs, let statements):
                if let deadline, .now >= deadline { throw TaskFailure.timeout }
                let limited = due.noLater(than: deadline)
                try engine.limits.lifetime.check(limited, age: elapsed)
                return .waits(limited, storing: stored, starting: runs, together: statements)
            }
        } catch let failure as TaskFailure {
            // The effect of a failed task is rolled back; a failed pure task keeps the effect of the step before it.
            if task.effect == .transactional { connection.rollback() }
            return .failed(failure)
        }
    }

    /// The result of an attempt after the end of its call.
    mutating func result(of end: CallEnd, _ definition: TaskDefinition) throws -> Outcome {
        do {
            return .done(try checkedOutput(try end.output(), definition))
        } catch let failure as TaskFailure {
            return .failed(failure)
        }
    }

    private mutating func checkedOutput(_ output: JSON, _ definition: TaskDefinition) throws -> JSON {
        guard output.fits(depth: JSONLimits.standard.depth) else {
            throw TaskFailure(code: "output_too_deep", message: "The output of this step is nested too deeply")
        }
        let more = output.weight + inputWeight(of: definition)
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
