import Crypto
import Flows
import HTTP
import JSON
import Postgres

/// The operations of a caller on a stored run: cancel, resume and fork. Admins may do them to runs of other users.
extension Endpoint<Context> {
    static let executionInterventions: [Endpoint] = [cancel, resume, fork]

    private static let cancel = Endpoint(
        .post, "/api/executions/{id}/cancel", operation: "cancelExecution", tag: .executions, access: .user,
        scope: .run, summary: "Cancel an active run",
        description: "The run ends at once. A step that is being carried out is not recorded, and costs nothing.",
        idempotency: .byHandler, rateClass: .write, waits: false,
        answers: [Answer(.ok, "The run", ExecutionAnswer.record)],
        problems: [.executionOver],
        examples: [Example("Cancel the run that waits", path: ["id": "{{waiting_execution_id}}"])]
    ) { context in
        try context.launchingOnce(answer: { .json($0.text) }) {
            let found = try context.changeableExecution()
            let canceled = try context.claimingKey(for: found.id) {
                try context.operating(onRunOf: found.userID, isStarting: false) { connection in
                    // In one transaction: another call may delete a run that has ended.
                    try connection.atomically { connection in
                        guard try context.services.engine.cancel(found, on: connection) else {
                            throw Problem(.executionOver)
                        }
                        return (try context.changedExecution(), .runCanceled(found.id, of: found.userID))
                    }
                }
            }
            return .response(.json(canceled.text))
        }
    }

    private static let resume = Endpoint(
        .post, "/api/executions/{id}/resume", operation: "resumeExecution", tag: .executions, access: .user,
        scope: .run, summary: "Resume a failed or canceled run",
        description: "It continues with the step that failed or was canceled: earlier steps are not repeated.",
        idempotency: .byHandler, waits: true, answers: ExecutionAnswer.continued,
        problems: [.executionNotResumable, .insufficientCredits, .tooManyRuns, .validationFailed, .ownerInactive],
        examples: [Example("Resume the canceled run", path: ["id": "{{waiting_execution_id}}"])]
    ) { context in
        try context.launchingOnce(answer: \.answer) {
            let found = try context.changeableExecution()
            let plan = try context.plan(
                found.flow, passesErrors: found.passesErrors, for: found.userID, continuing: found.id)
            try context.claimingKey(for: found.id) {
                try context.operating(onRunOf: found.userID, isStarting: true) { connection in
                    guard try context.launching({ try $0.resume(found, plan, on: connection) }) else {
                        throw Problem(.executionNotResumable)
                    }
                    return ((), .runResumed(found.id, of: found.userID))
                }
            }
            return try context.reply(
                whenEnded: found.id, defaultSeconds: 0, fallback: Execution.accepted(found.id, .queued),
                answer: \.answer)
        }
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
        idempotency: .byHandler, waits: true,
        answers: [
            Answer(.accepted, "The new run is queued, or still active", ExecutionAnswer.forked, headers: [.link]),
            Answer(.ok, "The new run, which ended in time", ExecutionAnswer.record, headers: [.link]),
        ],
        problems: [.executionUnderWay, .insufficientCredits, .tooManyRuns, .ownerInactive, .quotaExceeded],
        examples: [Example("Repeat the chain from its second step", body: ["step": 2, "input": ["values": [1, 2]]])]
    ) { context in
        try context.launchingOnce(answer: \.answerOfFork) {
            let former = try context.repeatableExecution()
            let (id, starter) = (UUIDv7.make(), try context.starter(ofRunOf: former.userID))
            let step = Int(context.input["step"]?.integerValue ?? 0)
            let version = context.input["version"]?.integerValue.map { Int($0) }
            let forked = try context.claimingKey(for: id) {
                try context.operating(onRunOf: former.userID, isStarting: true) { connection in
                    let forked = try context.launching {
                        try $0.fork(
                            former, from: step, input: context.input["input"], version: version, by: starter, as: id,
                            on: connection)
                    }
                    guard let forked else { throw Problem(.executionUnderWay) }
                    return (forked, .runStarted(id, of: former.userID))
                }
            }
            return try context.reply(
                whenEnded: id, defaultSeconds: 0, fallback: forked.acceptedFork(.queued), answer: \.answerOfFork)
        }
    }
}

extension ExecutionOf {
    /// The answer for a fork that is active.
    fileprivate func acceptedFork(_ status: ExecutionStatus) -> Response {
        var response = Response.json(
            [
                "id": .string(id), "status": .string(status.rawValue), "forked_from": JSON(fork?.executionID),
                "differs": fork?.differences?.json ?? .null,
            ], status: .accepted, headers: linkOfFork)
        response.headers.append(name: "Location", value: "/api/executions/\(id)")
        return response
    }

    /// From `/api/executions/{id}/fork`.
    fileprivate var linkOfFork: Headers { link(from: "../") }
}

extension RecordedExecution {
    /// The answer of the call that forked the run: the run if it has ended.
    fileprivate var answerOfFork: Response {
        execution.status.isEnd
            ? .json(text, headers: execution.linkOfFork) : execution.acceptedFork(execution.status)
    }
}
