import Flows
import HTTP
import JSON
import Postgres

/// Calls of hooks, by other services and by their owners.
extension Endpoint<Context> {
    static let hookCalls: [Endpoint] = [testHook, callHook]

    private static let testHook = Endpoint(
        .post, "/api/hooks/{id}/test", operation: "testHook", tag: .hooks, access: .user, scope: .run,
        summary: "Call a hook to try it out",
        description: """
            Starts a real run, as a call of the hook with this body and these header fields does. It needs neither the
            URL nor a signature, and is listed among the deliveries as a test.
            """,
        body: .optionalJSON(
            JSONSchema.object(optional: [
                "body": JSONSchema.any.described("The `body` of the run's input. Default: `{\"test\":true}`"),
                "headers": JSONSchema.object(additional: .string(maxLength: 8_192)).described(
                    "Header fields; the run gets those that the hook names"),
            ]).named("HookTest")),
        idempotency: .byHandler, waits: true,
        answers: [
            Answer(.accepted, "The run is queued, or still active", ExecutionAnswer.accepted),
            Answer(.ok, "The run, which ended in time", ExecutionAnswer.record),
        ],
        problems: [.insufficientCredits, .tooManyRuns, .ownerInactive, .quotaExceeded],
        examples: [Example("Try a hook out", body: ["body": ["order": 17]])]
    ) { context in
        try context.launchingOnce(answer: \.answer) {
            let hook = try context.hook()
            let body = context.input["body"] ?? ["test": true]
            let content = HookContent(sample: body, fields: context.input["headers"], of: hook)
            let caller = try context.starter(ofRunOf: hook.userID)
            let (execution, plan) = try context.execution(
                hook, content,
                startedBy: Starter(
                    userID: caller.userID, keyID: caller.keyID, trace: caller.trace,
                    trigger: .hook(hook.id, delivery: nil)))
            try context.claimingKey(for: execution.id) {
                try context.operating(onRunOf: hook.userID, isStarting: true) { connection in
                    try connection.atomically { connection in
                        try context.enqueue(execution, plan)
                        try connection.execute(
                            HookDelivery.recording(
                                HookDelivery.started, of: hook, nil, run: execution.id, isTest: true))
                    }
                    return ((), .runStarted(execution.id, of: hook.userID))
                }
            }
            return try context.reply(
                whenEnded: execution.id, defaultSeconds: 0, fallback: Execution.accepted(execution.id, .queued),
                answer: \.answer)
        }
    }

    private static let token = Parameter("token", .string(maxLength: 100), "The secret part of the hook's URL")

    private static let answerBody = JSONSchema.object(
        required: ["id": ExecutionField.id, "status": ExecutionStatus.schema],
        optional: [
            "result": ExecutionField.result,
            "error": JSONSchema.any.described("Why the run failed: `code` and `message`; null if it did not"),
        ]
    ).named("HookAnswer")

    private static let callHook = Endpoint(
        .post, "/hooks/{token}", operation: "callHook", tag: .hooks, access: .everyone, summary: "Call a hook",
        description: """
            For other services. The run gets the body, the header fields that the hook names, and the query as its
            input: `{"body":…,"headers":{…},"query":{…}}`. A form is an object of texts; a name that is there twice has
            an array of them.

            A call that is repeated with the same delivery id within 72 hours is answered with the same run. The id is
            the `id` of the body if the signature is Stripe's, or that of `Webhook-Id`, `X-GitHub-Delivery` or
            `Idempotency-Key`, of which the first one counts. A hook with `"answer":"result"` waits 20 seconds for the
            end of the run, or as long as `Prefer: wait` says.
            """,
        parameters: [token], headers: [.webhookID, .gitHubDelivery, .gitHubSignature, .stripeSignature],
        body: .raw(mediaTypes: ["application/json", "application/x-www-form-urlencoded"]),
        rateClass: .hook, isForServices: true, waits: true,
        answers: [
            Answer(.accepted, "The run is queued, or still active", answerBody),
            Answer(.ok, "The run, which has ended", answerBody),
        ],
        problems: [
            .signatureInvalid, .insufficientCredits, .tooManyRuns, .quotaExceeded, .executionDeleted, .validationFailed,
        ],
        examples: [
            Example("Call a hook", headers: ["Webhook-Id": "order-17"], body: ["order": 17]),
            Example(
                "Call it again: the run is the same, and the call waits for its end",
                headers: ["Webhook-Id": "order-17", "Prefer": "wait=20"], body: ["order": 17], status: .ok),
        ]
    ) { context in
        let found = try Hook.find(token: context.path("token"), on: context.connection)
        guard let (hook, isOwnerActive, hasWorkflow) = found else { throw Problem.notFound }
        // Before the signature is checked: so guesses are limited, too.
        var context = context
        let limit = try context.services.rateLimits.count(
            .hook, by: .hook(hook.id), isGuest: false, on: context.connection)
        try limit?.check()
        context.call.rateLimit = limit
        var deliveryID: String?
        do {
            guard isOwnerActive else { throw HookRefusal(outcome: HookDelivery.ownerInactive) }
            guard hasWorkflow else { throw HookRefusal(outcome: HookDelivery.workflowDeleted) }
            guard case .bytes(let body) = context.body else { throw Problem(.badRequest) }
            try context.checkSignature(of: hook, body)
            let content = try HookContent(context.request, body, of: hook)
            deliveryID = try content.deliveryID(context.request, hook.scheme)
            let (id, isRepeated) = try context.runOnce(hook, content, deliveryID)
            var reply = try context.reply(to: hook, run: id, isRepeated: isRepeated)
            reply.update { limit?.add(to: &$0.headers) }
            return reply
        } catch {
            guard let (outcome, problem) = refusal(error, limit) else { throw error }
            try HookDelivery.record(outcome, of: hook, deliveryID, isTest: false, on: context.connection)
            throw problem
        }
    }

    /// What a refused call is answered with, and how it is recorded; nil for an error that is not the sender's or the
    /// owner's.
    private static func refusal(
        _ error: any Error, _ limit: RateLimit.State?
    ) -> (outcome: String, problem: Problem)? {
        var (outcome, problem): (String, Problem)
        switch error {
        case let refusal as HookRefusal: (outcome, problem) = (refusal.outcome, .notFound)
        case let refused as Problem: (outcome, problem) = (refused.code, refused)
        default:
            guard let refused = (error as? PostgresError).map(Problem.init), refused.status != .unavailable,
                refused.status != .internalError
            else { return nil }
            (outcome, problem) = (refused.code, refused)
        }
        limit?.add(to: &problem.headers)
        return (outcome, problem)
    }
}

/// A call of a hook that can start no run; the sender does not learn why.
private struct HookRefusal: Error {
    let outcome: String
}
