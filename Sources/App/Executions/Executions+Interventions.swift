import Crypto
import Flows
import HTTP
import JSON
import Postgres

/// What a caller does to a run that is on record.
extension Endpoint<Context> {
    static let executionInterventions: [Endpoint] = [cancel, resume, fork, signal]

    private static let run = Answer(.ok, "The run", RecordedExecution.schema)
    private static let conflict = Answer(.conflict, "The run does not stand so", Problem.schema)

    private static let cancel = Endpoint(
        .post, "/api/executions/{id}/cancel", access: .user, scope: .run,
        summary: "End a run that is under way; a step at hand counts for nothing", idempotency: .wholeCall,
        answers: [run, conflict]
    ) { context in
        let found = try context.execution().execution
        let reason = TaskFailure(code: "canceled", message: "The run was canceled")
        let isCanceled = try Queue.end(
            found.id, of: found.userID, as: .canceled, reason, most: context.services.runsOfUser,
            on: context.connection)
        guard isCanceled else { throw Problem(.conflict, "execution_over", "The run is over") }
        return .json(try context.execution().json)
    }

    private static let resume = Endpoint(
        .post, "/api/executions/{id}/resume", access: .user, scope: .run,
        summary: "Take up a run that failed or was canceled, from that step on", idempotency: .wholeCall,
        answers: [Answer(.accepted, "The run goes on", Execution.accepted), conflict]
    ) { context in
        let found = try context.execution().execution
        let budget = Budget(for: try context.flow(of: found), at: try context.prices)
        let isResumed = try Queue.resume(
            found, budget: budget, most: context.services.runsOfUser, on: context.connection)
        guard isResumed else {
            throw Problem(.conflict, "execution_not_resumable", "Only a failed or canceled run can be resumed")
        }
        return Execution.accepted(found.id, .queued)
    }

    private static let signal = Endpoint(
        .post, "/api/executions/{id}/signal", access: .user, scope: .run,
        summary: "Release the approval that a run waits for, or refuse it",
        body: .optionalJSON(JSONSchema.object(optional: ["approved": .boolean, "data": .any]).named("Signal")),
        idempotency: .wholeCall, answers: [Answer(.accepted, "The run goes on", Execution.accepted), conflict]
    ) { context in
        let found = try context.execution().execution
        let value: JSON = [
            "approved": context.input["approved"] ?? true, "data": context.input["data"] ?? .null,
            "by": .string(try context.user.id),
        ]
        guard try Queue.signal(found.id, of: found.userID, with: value, on: context.connection) else {
            throw Problem(.conflict, "execution_not_waiting", "The run does not wait for a signal")
        }
        return Execution.accepted(found.id, .queued)
    }

    private static let fork = Endpoint(
        .post, "/api/executions/{id}/fork", access: .user, scope: .run,
        summary: "Start a new run with what a former one had up to a step, and change what comes then",
        body: .json(
            JSONSchema.object(
                required: ["step": .integer(1...Int64(Int32.max))],
                optional: ["input": .any, "version": .integer(1...Int64(Int32.max))]
            ).named("Fork")),
        idempotency: .wholeCall,
        answers: [
            Answer(
                .accepted, "The new run, and what differs from the former one",
                .object(required: [
                    "id": .string(format: .uuid), "status": .constant("queued"), "forked_from": .string(format: .uuid),
                    "differs": .object(required: [
                        "step": .integer, "input": .boolean,
                        "version": JSONSchema.object(required: ["from": .integer, "to": .integer]).nullable,
                    ]),
                ])),
            conflict,
        ]
    ) { context in
        let former = try context.execution().execution
        guard former.status.isEnd else { throw Problem(.conflict, "execution_under_way", "The run is under way") }
        let number = Int(context.input["step"]?.integerValue ?? 0)
        let steps = zip(former.steps, former.stepInputs)
        guard let (step, given) = steps.first(where: { $0.0.number == number && !$0.0.isSuperseded }) else {
            throw Problem.invalid("/step", "is no step of this run")
        }
        let source = try context.source(forkedFrom: former)
        let flow = try context.flow(source.flow)
        var execution = Execution(
            id: UUIDv7.make(), userID: former.userID, source: source.source, flow: source.flow, input: former.input)
        execution.fork = Execution.Fork(executionID: former.id, step: number, input: context.input["input"])
        guard flow.leads(former.steps.filter { $0.number < number }, to: step.task, input: former.input) else {
            throw Problem.invalid("/version", "does not come to this step in the same way")
        }
        let budget = Budget(for: flow, at: try context.prices)
        try context.enqueue(execution, budget)
        let (from, to) = (former.source.version, execution.source.version)
        return .json(
            [
                "id": .string(execution.id), "status": "queued", "forked_from": .string(former.id),
                "differs": [
                    "step": JSON(number),
                    "input": .bool(context.input["input"] != nil && context.input["input"] != given),
                    "version": from == to ? .null : ["from": JSON(from), "to": JSON(to)],
                ],
            ], status: .accepted, headers: ["Location": "/api/executions/\(execution.id)"])
    }
}

extension Context {
    /// The flow, which was valid when it was taken and may name what is not there any more.
    func flow(_ json: JSON) throws -> Flow {
        var reader = FlowReader(catalog: services.tasks)
        guard let flow = reader.read(json) else { throw Problem.invalid(reader.problems) }
        try refuseInactive(flow)
        return flow
    }

    /// A flow with a task that admins have switched off is not begun.
    func refuseInactive(_ flow: Flow) throws {
        let prices = try prices
        let inactive = flow.taskTypes.enumerated().filter { !prices.isActive($0.element) }
        guard inactive.isEmpty else {
            throw Problem.invalid(
                inactive.map {
                    Violation(
                        pointer: "/flow/tasks/\($0.offset)", message: "the task type '\($0.element)' is switched off")
                })
        }
    }

    /// Queues a run, a fork with the steps that it takes over; all of it or nothing.
    func enqueue(_ execution: Execution, _ budget: Budget) throws {
        let most = services.runsOfUser
        do {
            try connection.atomically { connection in
                guard try Queue.hasRoom(for: execution.userID, on: connection) else { throw Context.queueFull }
                _ = try connection.pipeline(Queue.enqueue(execution, budget: budget, most: most))
            }
        } catch let error as PostgresError where error.isInsufficientCredits {
            throw Problem.insufficientCredits
        } catch let error as PostgresError where error.kind == .commitUnknown {
            // The answer was lost: whether the run is queued the database knows.
            guard try Execution.find(execution.id, of: execution.userID, on: connection) != nil else { throw error }
        }
    }

    private static let queueFull = Problem(
        .tooManyRequests, "too_many_runs", "Too many runs are under way", headers: ["Retry-After": "60"])

    fileprivate func flow(of execution: Execution) throws -> Flow { try flow(execution.flow) }

    /// The flow of a fork: the former run's, or that of another version of its workflow.
    fileprivate func source(forkedFrom former: Execution) throws -> (source: FlowSource, flow: JSON) {
        guard case .workflow(let id, let version, _) = former.source else {
            guard input["version"] == nil else {
                throw Problem.invalid("/version", "is none: the run's flow is not a stored workflow's")
            }
            return (.call, former.flow)
        }
        let wanted = input["version"]?.integerValue.map { Int($0) } ?? version
        guard let stored = try StoredFlow.find(id, version: wanted, on: connection) else {
            throw Problem.invalid("/version", "is no version of the run's workflow")
        }
        return (.workflow(id: id, version: wanted, concurrency: stored.concurrency), stored.flow)
    }
}
