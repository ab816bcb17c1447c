import Flows
import HTTP
import JSON
import Postgres

/// The operations of a caller on a stored run: signal, cancel, resume and fork. Admins may do all but the first to runs
/// that belong to other users.
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
        let found = try context.changeableExecution().execution
        let canceled: Void? = try context.operating(onRunOf: found.userID, isStarting: false) { connection in
            guard try context.services.engine.cancel(found, on: connection) else { return nil }
            return ((), .runCanceled(found.id, of: found.userID))
        }
        guard canceled != nil else { throw Problem(.executionOver) }
        return .json(try context.changeableExecution().json)
    }

    private static let resume = Endpoint(
        .post, "/api/executions/{id}/resume", operation: "resumeExecution", tag: .executions, access: .user,
        scope: .run, summary: "Resume a failed or canceled run",
        description: "It continues with the step that failed or was canceled: earlier steps are not repeated.",
        idempotency: .wholeCall, answers: [Answer(.accepted, "The run is queued", Execution.accepted)],
        problems: [.executionNotResumable, .insufficientCredits, .tooManyRuns, .validationFailed, .ownerInactive],
        examples: [Example("Resume the canceled run", path: ["id": "{{waiting_execution_id}}"])]
    ) { context in
        let found = try context.changeableExecution().execution
        let plan = try context.plan(found.flow)
        let resumed: Void? = try context.operating(onRunOf: found.userID, isStarting: true) { connection in
            guard try context.launching({ try $0.resume(found, plan, on: connection) }) else { return nil }
            return ((), .runResumed(found.id, of: found.userID))
        }
        guard resumed != nil else { throw Problem(.executionNotResumable) }
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
        let found = try context.ownExecution().execution
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
        problems: [.executionUnderWay, .insufficientCredits, .tooManyRuns, .ownerInactive],
        examples: [Example("Repeat the chain from its second step", body: ["step": 2, "input": ["values": [1, 2]]])]
    ) { context in
        let former = try context.changeableExecution().execution
        let starter = try context.user.starter(ofRunOf: former.userID)
        let step = Int(context.input["step"]?.integerValue ?? 0)
        let version = context.input["version"]?.integerValue.map { Int($0) }
        let forked = try context.operating(onRunOf: former.userID, isStarting: true) { connection in
            try context.launching {
                try $0.fork(
                    former, from: step, input: context.input["input"], version: version, by: starter, on: connection)
            }.map { ($0, .runStarted($0.execution.id, of: former.userID)) }
        }
        guard let forked else { throw Problem(.executionUnderWay) }
        let execution = forked.execution
        let (from, to) = (former.source.version, execution.source.version)
        return .json(
            [
                "id": .string(execution.id), "status": "queued", "forked_from": .string(former.id),
                "differs": [
                    "step": JSON(step), "input": .bool(forked.changesInput),
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
