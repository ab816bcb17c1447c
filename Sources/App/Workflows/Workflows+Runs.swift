import Crypto
import Flows
import HTTP
import JSON
import Postgres

/// Runs of stored workflows.
extension Endpoint<Context> {
    static let workflowRuns: [Endpoint] = [
        execute, list(at: "/api/workflows/{id}/executions", summary: "The caller's runs of a workflow"),
    ]

    private static let execute = Endpoint(
        .post, "/api/workflows/{id}/execute", access: .user, scope: .run, summary: "Queue a run of a workflow",
        body: .optionalJSON(
            JSONSchema.object(optional: ["input": .any, "version": .integer(1...Int64(Int32.max))])
                .named("WorkflowCall")),
        idempotency: .wholeCall, waits: true,
        answers: [
            Answer(.accepted, "The run, which has not ended yet", Execution.accepted),
            Answer(.ok, "The run, which ended within the time of `Prefer: wait`", RecordedExecution.schema),
            Answer(.paymentRequired, "The credits do not suffice for every task of it", Problem.schema),
        ]
    ) { context in
        let id = try context.id()
        let wanted = context.input["version"]?.integerValue.map { Int($0) }
        let userID = try context.user.id
        guard let stored = try StoredFlow.find(id, of: userID, version: wanted, on: context.connection) else {
            throw Problem.notFound
        }
        let execution = Execution(
            id: UUIDv7.make(), userID: userID,
            source: .workflow(id: id, version: stored.version, concurrency: stored.concurrency), flow: stored.flow,
            input: context.input["input"] ?? .object(JSONObject()))
        let budget = Budget(for: try context.flow(stored.flow), at: try context.prices)
        try context.enqueue(execution, budget)
        context.wait(for: execution.id, standard: 0) { connection in
            guard let found = try Execution.find(execution.id, of: userID, on: connection) else {
                throw Problem.notFound
            }
            return found.execution.status.isEnd ? .json(found.json) : found.execution.accepted
        }
        return Execution.accepted(execution.id, .queued)
    }
}
