import Crypto
import Flows
import HTTP
import JSON
import Postgres

/// The operations of a caller on a stored run: signal, cancel, resume and fork.
extension Endpoint<Context> {
    static let executionInterventions: [Endpoint] = [signal, cancel, resume, fork]

    private static let cancel = Endpoint(
        .post, "/api/executions/{id}/cancel", operation: "cancelExecution", tag: .executions, access: .user,
        scope: .run, summary: "Cancel an active run",
        description: "The run ends at once. A step that is being carried out is not recorded, and costs nothing.",
        idempotency: .wholeCall, answers: [Answer(.ok, "The run", RecordedExecution.schema)],
        problems: [.executionOver],
        examples: [Example("Cancel the run that waits", path: ["id": "{{waiting_execution_id}}"])]
    ) { context in
        let found = try context.execution().execution
        guard try context.services.engine.cancel(found, on: context.connection) else { throw Problem(.executionOver) }
        return .json(try context.execution().json)
    }

    private static let resume = Endpoint(
        .post, "/api/executions/{id}/resume", operation: "resumeExecution", tag: .executions, access: .user,
        scope: .run, summary: "Resume a failed or canceled run",
        description: "It continues with the step that failed or was canceled: earlier steps are not repeated.",
        idempotency: .wholeCall, answers: [Answer(.accepted, "The run is queued", Execution.accepted)],
        problems: [.executionNotResumable, .insufficientCredits, .validationFailed],
        examples: [Example("Resume the canceled run", path: ["id": "{{waiting_execution_id}}"])]
    ) { context in
        let found = try context.execution().execution
        let plan = try context.plan(found.flow)
        guard try context.services.engine.resume(found, plan, on: context.connection) else {
            throw Problem(.executionNotResumable)
        }
        return Execution.accepted(found.id, .queued)
    }

    private static let signal = Endpoint(
        .post, "/api/executions/{id}/signal", operation: "signalExecution", tag: .executions, access: .user,
        scope: .run, summary: "Decide the approval that a run waits for",
        description: "An approved task succeeds with `data` in its output; a refused one fails.",
        body: .json(
            JSONSchema.object(
                required: ["approved": JSONSchema.boolean.described("`false` refuses: the task fails")],
                optional: ["data": JSONSchema.any.described("Part of the task's output")]
            ).named("Signal")),
        idempotency: .wholeCall, answers: [Answer(.accepted, "The run is queued", Execution.accepted)],
        problems: [.executionNotWaiting],
        examples: [
            Example(
                "Approve", path: ["id": "{{approval_execution_id}}"],
                body: ["approved": true, "data": ["comment": "Looks good"]])
        ]
    ) { context in
        let found = try context.execution().execution
        let value: JSON = [
            "approved": context.input["approved"] ?? false, "data": context.input["data"] ?? .null,
            "by": .string(try context.user.id),
        ]
        guard try context.services.engine.signal(found, with: value, on: context.connection) else {
            throw Problem(.executionNotWaiting)
        }
        return Execution.accepted(found.id, .queued)
    }

    private static let fork = Endpoint(
        .post, "/api/executions/{id}/fork", operation: "forkExecution", tag: .executions, access: .user, scope: .run,
        summary: "Start a new run from a step of an earlier one",
        description: """
            The new run takes over the results of all steps before `step`, and carries out the rest: with another
            `input` for that step, or with another `version` of the workflow.
            """,
        body: .json(
            JSONSchema.object(
                required: ["step": JSONSchema.integer(1...Int64(Int32.max)).described("The `number` of a step")],
                optional: [
                    "input": JSONSchema.any.described("Default: the step's input in the earlier run"),
                    "version": JSONSchema.integer(1...Int64(Int32.max)).described("Default: the earlier run's"),
                ]
            ).named("Fork")),
        idempotency: .wholeCall, answers: [Answer(.accepted, "The new run is queued", forked)],
        problems: [.executionUnderWay, .insufficientCredits, .tooManyRuns],
        examples: [Example("Repeat the chain from its second step", body: ["step": 2, "input": ["values": [1, 2]]])]
    ) { context in
        let former = try context.execution().execution
        guard former.status.isEnd else { throw Problem(.executionUnderWay) }
        let number = Int(context.input["step"]?.integerValue ?? 0)
        let steps = zip(former.steps, former.stepInputs)
        guard let (step, given) = steps.first(where: { $0.0.number == number && !$0.0.isSuperseded }) else {
            throw Problem.invalid("/step", "is not a step of this run")
        }
        let source = try context.source(forkedFrom: former)
        let plan = try context.plan(source.flow)
        var execution = Execution(
            id: UUIDv7.make(), userID: former.userID, source: source.source, flow: source.flow, input: former.input)
        execution.fork = Execution.Fork(executionID: former.id, step: number, input: context.input["input"])
        guard plan.flow.leads(former.steps.filter { $0.number < number }, to: step.task, input: former.input) else {
            throw Problem.invalid("/version", "does not lead to this step in the same way")
        }
        try context.enqueue(execution, plan)
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

extension Endpoint<Context> {
    private static let forked = JSONSchema.object(required: [
        "id": .string(format: .uuid), "status": .constant("queued"), "forked_from": .string(format: .uuid),
        "differs": differences.described("What differs from the earlier run"),
    ]).named("ForkedRun")

    private static let differences = JSONSchema.object(required: [
        "step": JSONSchema.integer.described("The number of the step that runs again"),
        "input": JSONSchema.boolean.described("Whether the step's input differs"),
        "version": JSONSchema.object(required: ["from": .integer, "to": .integer]).named("VersionChange").nullable
            .described("The versions of the workflow; null if they are equal"),
    ]).named("ForkDifferences")
}

extension Context {
    /// The source and flow of a fork: those of the earlier run, or another version of its workflow.
    fileprivate func source(forkedFrom former: Execution) throws -> (source: FlowSource, flow: JSON) {
        guard case .workflow(let id, let version, _) = former.source else {
            guard input["version"] == nil else {
                throw Problem.invalid("/version", "is not allowed: the run's flow is not a stored workflow's")
            }
            return (.call, former.flow)
        }
        let wanted = input["version"]?.integerValue.map { Int($0) } ?? version
        guard let stored = try StoredFlow.find(id, version: wanted, on: connection) else {
            throw Problem.invalid("/version", "is not a version of the run's workflow")
        }
        return (stored.source, stored.flow)
    }
}
