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
            summary: "List the runs of a workflow", parameters: [.workflow]),
    ]

    private static let execute = Endpoint(
        .post, "/api/workflows/{id}/execute", operation: "executeWorkflow", tag: .workflows, access: .user,
        scope: .run, summary: "Run a workflow",
        description: """
            The run is queued and carried out by a worker. Without `Prefer: wait` the call answers 202 at once, with it
            200 and the whole run if that ends in time. A run that an admin starts belongs to the owner of the
            workflow, and uses the owner's documents, credits and limits.
            """,
        parameters: [.workflow],
        body: .optionalJSON(
            JSONSchema.object(
                optional: [
                    "input": JSONSchema.any.described("It must fit the workflow's `input_schema`. Default: `{}`"),
                    "version": JSONSchema.integer(1...Int64(Int32.max)).described("Default: the newest"),
                ]
            ).named("WorkflowCall")),
        idempotency: .byHandler, waits: true,
        answers: [
            Answer(.accepted, "The run is queued, or still active", ExecutionAnswer.accepted),
            Answer(.ok, "The run, which ended in time", ExecutionAnswer.record),
        ],
        problems: [.insufficientCredits, .tooManyRuns, .ownerInactive, .quotaExceeded],
        examples: [
            Example("Queue a run", body: ["input": ["amount": 3]]),
            Example(
                "Run the one that notifies", path: ["id": "{{notified_workflow_id}}"], headers: ["Prefer": "wait=20"],
                status: .ok),
            Example(
                "Run it and wait for the result", headers: ["Prefer": "wait=20"], body: ["input": ["amount": 3]],
                status: .ok),
        ]
    ) { context in
        try context.launchingOnce(answer: \.answer) {
            let id = try context.workflowID()
            let wanted = context.input["version"]?.integerValue.map { Int($0) }
            let user = try context.user
            let owner = user.isAdmin ? nil : user.id
            guard let stored = try StoredFlow.find(id, of: owner, version: wanted, on: context.connection) else {
                throw try missing(wanted, of: id, context)
            }
            let input = context.input["input"] ?? .object(JSONObject())
            let problems = stored.problems(ofInput: input, at: "/input")
            guard problems.isEmpty else { throw Problem.invalid(problems) }
            let execution = try Execution(
                id: UUIDv7.make(), userID: stored.userID, source: stored.source, flow: stored.flow,
                passesErrors: stored.passesErrors, input: input,
                starter: context.starter(ofRunOf: stored.userID))
            let plan = try context.plan(stored.flow, passesErrors: stored.passesErrors, for: stored.userID)
            do {
                try context.launch(execution, plan)
            } catch let problem as Problem where problem.status == .notFound {
                // The version was removed in the meantime.
                throw try missing(wanted, of: id, context)
            }
            return try context.reply(
                whenEnded: execution.id, defaultSeconds: 0, fallback: Execution.accepted(execution.id, .queued),
                answer: \.answer)
        }
    }

    /// What is missing for a run: the workflow, or the version of it that the body names.
    private static func missing(_ version: Int?, of id: String, _ context: Context) throws -> Problem {
        guard version != nil, try Workflow.mayBeRead(id, by: context.user, on: context.connection) else {
            return .notFound
        }
        return .unknownVersion
    }
}

extension Problem {
    /// A body names a version that the workflow does not have.
    static let unknownVersion = Problem.invalid("/version", "is not a version of the workflow")
}
