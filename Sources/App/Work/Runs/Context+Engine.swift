import Flows
import HTTP
import JSON
import Postgres

/// The engine, as handlers call it.
extension Context {
    /// Reads, checks and prices a flow. Throws 422 for one that is not valid: a stored flow was valid when it was
    /// stored, but may name a task type that no longer exists or is switched off.
    ///
    /// - Parameters:
    ///   - passesErrors: false for flows that were stored by earlier releases.
    ///   - isNew: whether the flow came with the call.
    ///   - userID: the owner of the run.
    ///   - executionID: the run that continues with the flow; nil: a new one.
    func plan(
        _ flow: JSON, passesErrors: Bool = true, isNew: Bool = false, for userID: String,
        continuing executionID: String? = nil
    ) throws -> Engine.Plan {
        try launching {
            try $0.plan(
                flow, passesErrors: passesErrors, isNew: isNew, for: userID, continuing: executionID, on: connection)
        }
    }

    /// Queues a run. Throws 402, 413, 429, and 404 if its version of the workflow was removed in the meantime.
    func enqueue(_ execution: Execution, _ plan: Engine.Plan) throws {
        try launching { try $0.enqueue(execution, plan, on: connection) }
    }

    /// Maps what the engine refuses to a problem.
    func launching<Value>(_ body: (Engine) throws -> Value) throws -> Value {
        do {
            return try body(services.engine)
        } catch let refusal as LaunchRefusal {
            throw switch refusal {
            case .invalid(let problems), .inactive(let problems): Problem.invalid(problems)
            case .queueFull, .tooDeep, .treeFull: Problem(.tooManyRuns, headers: ["Retry-After": "60"])
            case .versionRemoved: Problem.notFound
            case .insufficientCredits: Problem.insufficientCredits
            case .storage(let refusal): Problem(refusal)
            }
        }
    }
}
