import Crypto
import Flows
import HTTP
import JSON
import Postgres

/// Runs of stored workflows.
extension Endpoint<Context> {
    static let workflowRuns: [Endpoint] = [
        execute,
        list(
            at: "/api/workflows/{id}/executions", operation: "listWorkflowExecutions", tag: .workflows,
            summary: "List the runs of a workflow"),
    ]

    private static let execute = Endpoint(
        .post, "/api/workflows/{id}/execute", operation: "executeWorkflow", tag: .workflows, access: .user,
        scope: .run, summary: "Run a workflow",
        description: """
            The run is queued and carried out by a worker. Without `Prefer: wait` the call answers 202 at once, with it
            200 and the whole run if that ends in time. A run that an admin starts belongs to the owner of the
            workflow, and uses the owner's documents, credits and limits.
            """,
        body: .optionalJSON(
            JSONSchema.object(
                optional: [
                    "input": JSONSchema.any.described("Default: `{}`"),
                    "version": JSONSchema.integer(1...Int64(Int32.max)).described("Default: the newest"),
                ]
            ).named("WorkflowCall")),
        idempotency: .byHandler, waits: true,
        answers: [
            Answer(.accepted, "The run is queued, or still active", Execution.accepted),
            Answer(.ok, "The run, which ended in time", RecordedExecution.schema),
        ],
        problems: [.insufficientCredits, .tooManyRuns, .ownerInactive, .quotaExceeded],
        examples: [
            Example("Queue a run", body: ["input": ["amount": 3]]),
            Example(
                "Run it and wait for the result", headers: ["Prefer": "wait=20"], body: ["input": ["amount": 3]],
                status: .ok),
        ]
    ) { context in
        try context.launchingOnce(answer: \.answer) {
            let id = try context.id()
            let wanted = context.input["version"]?.integerValue.map { Int($0) }
            let user = try context.user
            let owner = user.isAdmin ? nil : user.id
            guard let stored = try StoredFlow.find(id, of: owner, version: wanted, on: context.connection) else {
                throw Problem.notFound
            }
            let execution = Execution(
                id: UUIDv7.make(), userID: stored.userID, source: stored.source, flow: stored.flow,
                input: context.input["input"] ?? .object(JSONObject()), starter: user.starter(ofRunOf: stored.userID))
            try context.launch(execution, try context.plan(stored.flow))
            return try context.reply(
                whenEnded: execution.id, defaultSeconds: 0, fallback: Execution.accepted(execution.id, .queued),
                answer: \.answer)
        }
    }
}
