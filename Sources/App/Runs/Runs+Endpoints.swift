import Crypto
import Flows
import HTTP
import JSON
import Postgres

extension Endpoint<Context> {
    static let runs: [Endpoint] = [run, validate, taskTypes]

    private static let run = Endpoint(
        .post, "/flow-manager", access: .user, scope: .run, summary: "Run a chain of tasks now and get its result",
        body: .json(callBody), idempotency: .byHandler, waits: true,
        answers: [
            Answer(.ok, "The chain ran to an end it was built for", Execution.flowAnswer),
            Answer(
                .accepted, "The chain goes on, or an earlier call with this Idempotency-Key does", Execution.accepted),
            Answer(.paymentRequired, "The credits do not suffice for every task of the chain", Problem.schema),
            Answer(
                .unprocessable, "The chain failed, or is not valid", .anyOf([Execution.flowAnswer, Problem.schema])),
        ]
    ) { context in
        let key = context.idempotencyKey
        if let answer = try key?.earlierAnswer(on: context.connection) { return answer }
        do {
            let (flow, _) = try readFlow(context)
            let execution = Execution(
                id: UUIDv7.make(), userID: try context.user.id, flow: flow.definition,
                input: context.input["input"] ?? .object(JSONObject()))
            let budget = Budget(for: flow, at: try context.prices)
            return try flow.needsWorker
                ? enqueue(execution, budget, context) : run(flow, execution, budget, context)
        } catch let problem as Problem where IdempotencyKey.keeps(problem.status) {
            try key?.keepRefusal(problem, on: context.connection)
            throw problem
        } catch is IdempotencyKey.Claimed {
            return try key?.replay(on: context.connection) ?? .noContent
        }
    }

    /// On this thread, to its end or until it has to wait.
    private static func run(
        _ flow: Flow, _ execution: Execution, _ budget: Budget, _ context: Context
    ) throws -> Response {
        let companion = context.idempotencyKey?.companion(executionID: execution.id, answer: \.answer)
        do {
            switch try Runner.run(flow, execution, budget: budget, on: context.connection, with: companion) {
            case .ended(let ended): return ended.answer
            case .waits(let waiting, _): return try later(waiting, context)
            }
        } catch is InsufficientCredits {
            throw Problem.insufficientCredits
        } catch is Fenced {
            // Canceled, or carried out by a worker since this process took too long: the record says how it stands.
            let found = try Execution.find(execution.id, of: execution.userID, on: context.connection)?.execution
            guard let found, found.status.isEnd else { return try later(execution, context) }
            return found.answer
        }
    }

    /// By a worker.
    private static func enqueue(_ execution: Execution, _ budget: Budget, _ context: Context) throws -> Response {
        try context.connection.transaction { connection in
            if let key = context.idempotencyKey { try key.claim(for: execution.id, on: connection) }
            try context.enqueue(execution, budget)
        }
        return try later(execution, context)
    }

    /// The answer when the run is over, if its caller can wait so long; else where to look for it.
    private static func later(_ execution: Execution, _ context: Context) throws -> Response {
        let (id, userID) = (execution.id, execution.userID)
        context.wait(for: id, standard: Context.longestWait) { connection in
            guard let found = try Execution.find(id, of: userID, on: connection) else { throw Problem.notFound }
            return found.execution.status.isEnd ? found.execution.answer : found.execution.accepted
        }
        return Execution.accepted(id, execution.status == .running ? .queued : execution.status)
    }

    private static let validate = Endpoint(
        .post, "/api/flows/validate", access: .user, scope: .run, summary: "Check a flow without running it",
        body: .json(callBody), idempotency: .wholeCall,
        answers: [
            Answer(
                .ok, "The flow is valid",
                .object(required: [
                    "valid": .constant(true), "task_count": .integer, "max_cost": .integer,
                    "warnings": .array(of: .object(required: ["pointer": .string, "message": .string])),
                ]))
        ]
    ) { context in
        let (flow, warnings) = try readFlow(context)
        return .json([
            "valid": true, "task_count": JSON(flow.taskCount),
            "max_cost": .integer(Budget(for: flow, at: try context.prices).worst),
            "warnings": .array(warnings.map { ["pointer": .string($0.pointer), "message": .string($0.message)] }),
        ])
    }

    private static let taskTypes = Endpoint(
        .get, "/api/task-types", access: .everyone, summary: "The task types that flows may use",
        answers: [Answer(.ok, "The catalog", ListQuery.schema(of: TaskCatalog.schema))]
    ) { context in
        .json(["items": context.services.tasks.json(try context.prices), "next_cursor": .null])
    }

    /// Only the frame is checked with the body: the flow itself is read by `FlowReader`, which reports what is
    /// wrong with its form and its meaning together.
    private static let callBody = JSONSchema.object(
        required: ["flow": .unchecked(FlowFormat.flow)], optional: ["input": .any]
    ).example(["flow": FlowFormat.example]).named("FlowCall")

    private static func readFlow(_ context: Context) throws -> (Flow, warnings: [Violation]) {
        var reader = FlowReader(catalog: context.services.tasks)
        guard let flow = reader.read(context.input["flow"] ?? .null) else { throw Problem.invalid(reader.problems) }
        try context.refuseInactive(flow)
        return (flow, reader.warnings)
    }
}
