import Crypto
import Flows
import HTTP
import JSON
import Postgres
import System

extension Scheduler {
    /// Decides about one instant of a schedule. Returns nil if it is not due any more, or another worker has it.
    func decide(_ id: String) throws -> ApplicationEvent? {
        do {
            return try connection.transaction { _ in try decide(id, refusal: nil) }
        } catch let problem as ScheduleProblem {
            // The attempt is rolled back; what has become of it is stored.
            return try connection.transaction { _ in try decide(id, refusal: problem) }
        } catch is UnknownTimeZone {
            return try connection.transaction { _ in try stop(id, .unknownTimeZone) }
        } catch let error as PostgresError where !error.isDatabaseTrouble {
            let problem = ScheduleProblem(.internalError, detail: error.debugDescription)
            return try connection.transaction { _ in try decide(id, refusal: problem) }
        }
    }

    /// - Parameter refusal: why the run cannot be started, as an earlier attempt has shown.
    private func decide(_ id: String, refusal: ScheduleProblem?) throws -> ApplicationEvent? {
        guard let (due, instants) = try lock(id) else { return nil }
        guard let (inside, after) = instants else { return try stop(id, .unknownExpression) }
        let decision = due.misfire.decide(due: inside, now: due.span.end)
        let left = inside.filter { $0 > decision.decidedUntil } + after
        var update = ScheduleUpdate(due, decision, next: left)
        if let refusal {
            update.fail(refusal)
        } else if decision.instant == nil {
            update.skip(.misfire)
        } else if due.overlap == .skip, try due.isLastRunActive(on: connection) {
            update.skip(.overlap)
        } else if let run = try start(due, at: update.instant) {
            update.start(run)
        } else {
            try connection.execute(
                Schedule.removal(ofWorkflow: due.workflowID, of: due.userID, counting: engine.storage))
            return .scheduleDecided(.skipped)
        }
        try connection.executeLater(update.statement)
        return update.event
    }

    private struct UnknownTimeZone: Error {}

    /// The schedule if it is due, and its instants; nil for those if its expression cannot be read. Throws if the
    /// database does not know its time zone any more.
    private func lock(_ id: String) throws -> (due: DueSchedule, instants: (inside: [Int64], after: [Int64])?)? {
        do {
            guard let due = try DueSchedule.lock(id, knowsZone: true, on: connection) else { return nil }
            return (due, try due.expression.map { try due.span.instants(of: $0, in: due.timezone, on: connection) })
        } catch SQLState.invalidParameterValue {
            throw UnknownTimeZone()
        }
    }

    /// Queues the run, and returns its id; nil if the workflow is gone.
    ///
    /// - Throws: `ScheduleProblem` if it cannot be started.
    private func start(_ due: DueSchedule, at instant: Int64) throws -> String? {
        guard due.isOwnerActive else { throw ScheduleProblem(.ownerInactive) }
        guard let stored = try StoredFlow.find(due.workflowID, of: nil, on: connection) else { return nil }
        let problems = stored.problems(ofInput: due.input, at: "/input")
        guard problems.isEmpty else { throw ScheduleProblem(problems) }
        let trigger = Trigger.schedule(due.id, at: RFC3339.text(milliseconds: instant * 1_000))
        let execution = Execution(
            id: UUIDv7.make(), userID: stored.userID, source: stored.source, flow: stored.flow,
            passesErrors: stored.passesErrors, input: due.input,
            starter: Starter(userID: nil, keyID: nil, trigger: trigger))
        do {
            let plan = try engine.plan(
                stored.flow, passesErrors: stored.passesErrors, for: stored.userID, on: connection)
            try engine.enqueue(execution, plan, on: connection)
        } catch let refusal as LaunchRefusal {
            guard let problem = ScheduleProblem(refusal) else { throw refusal }
            throw problem
        }
        return execution.id
    }

    /// Stops a schedule until it is replaced.
    private func stop(_ id: String, _ problem: ScheduleProblem) throws -> ApplicationEvent? {
        guard let due = try DueSchedule.lock(id, knowsZone: false, on: connection) else { return nil }
        var update = ScheduleUpdate(due, Misfire.Decision(instant: nil, decidedUntil: due.span.end), next: [])
        update.fail(problem)
        try connection.executeLater(update.statement)
        return update.event
    }
}

extension ScheduleProblem {
    /// Nil if the version was removed after it was read: then there is another one.
    fileprivate init?(_ refusal: LaunchRefusal) {
        switch refusal {
        case .invalid(let problems), .inactive(let problems): self.init(problems)
        case .queueFull, .tooDeep, .treeFull: self.init(ProblemCode.tooManyRuns)
        case .versionRemoved: return nil
        case .insufficientCredits: self.init(ProblemCode.insufficientCredits)
        case .storage(.quotaExceeded): self.init(ProblemCode.quotaExceeded)
        case .storage(.tooManyDocuments): self.init(ProblemCode.tooManyDocuments)
        }
    }
}
