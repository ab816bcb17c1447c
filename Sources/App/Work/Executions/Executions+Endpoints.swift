import Flows
import HTTP
import JSON
import Postgres

extension Endpoint<Context> {
    static let executions: [Endpoint] =
        [
            list(
                at: "/api/executions", operation: "listExecutions", tag: .executions, summary: "List your runs",
                examples: [
                    Example("List your completed runs", query: ["status": "completed", "limit": "10"]),
                    Example(
                        "List your runs that did not complete, without those that other runs started",
                        query: ["status": "failed,canceled", "parent_id": "null"]),
                ]), read, compare,
        ] + events + executionInterventions + [remove]

    private static let summary = Resource(
        "ExecutionSummary",
        .id("id", sql: ExecutionSummary.id), .text("user_id", ExecutionField.userID, sql: ExecutionSummary.userID),
        .text("started_by", ExecutionField.startedBy, sql: ExecutionSummary.startedBy),
        .text("started_by_key", ExecutionField.startedByKey, sql: ExecutionSummary.startedByKey),
        .json("trigger", ExecutionField.trigger, sql: ExecutionSummary.trigger),
        .text("flow_id", ExecutionField.flowID, sql: ExecutionSummary.flowID),
        .text("flow_name", ExecutionField.flowName, sql: ExecutionSummary.flowName),
        .text("status", ExecutionStatus.schema, sql: ExecutionSummary.status),
        .text("stopped_at", ExecutionField.stoppedAt, sql: ExecutionSummary.stoppedAt),
        .text("workflow_id", ExecutionField.workflowID, sql: ExecutionSummary.workflowID),
        .integer("version", ExecutionField.version, sql: ExecutionSummary.version),
        .text("parent_id", ExecutionField.parentID, sql: ExecutionSummary.parentID),
        .time("created_at", sql: ExecutionSummary.createdAt),
        .time("finished_at", ExecutionField.finishedAt, sql: ExecutionSummary.finishedAt))

    /// The runs that the caller may read; if the path contains an id, those of that workflow.
    static func list(
        at path: String, operation: String, tag: Tag, summary text: String, parameters: [Parameter] = [],
        examples: [Example] = []
    ) -> Endpoint {
        page(
            of: PagedList(
                path, of: summary, filters: RunSelection.filters, partitions: RunSelection.partitions), at: path,
            operation: operation, tag: tag, access: .user,
            limitedScope: .run, summary: text, parameters: parameters,
            description:
                "Admins get those of all users. An API key without the scope `read` gets those that it started.",
            answer: "A page of runs, without their steps", examples: examples
        ) { context in
            try RunSelection.source(
                context, workflowID: context.endpoint.parameterNames.isEmpty ? nil : try context.readableWorkflowID())
        }
    }

    private static let read = Endpoint(
        .get, "/api/executions/{id}", operation: "getExecution", tag: .executions, access: .user,
        limitedScope: .run, summary: "Read a run with all its steps",
        answers: [Answer(.ok, "The run", ExecutionAnswer.record, headers: [.link])]
    ) { context in
        let found = try context.execution()
        return .json(found.text, headers: found.execution.link)
    }

    private static let compare = Endpoint(
        .get, "/api/executions/{id}/diff/{other}", operation: "compareExecutions", tag: .executions, access: .user,
        limitedScope: .run, summary: "Compare two runs step by step",
        description: """
            Both may be of different flows: steps belong together that carry out the same task for the same time. \
            Inputs and outputs are part of the answer where they differ. Steps that a resume has repeated are left out.
            """,
        answers: [Answer(.ok, "What is equal and what differs", RunComparison.schema)],
        examples: [
            Example(
                "Compare the chain with the run that waits", path: ["other": "{{waiting_execution_id}}"])
        ]
    ) { context in
        .json(RunComparison(run: try context.execution(), other: try context.execution("other")).text)
    }

    private static let remove = Endpoint(
        .delete, "/api/executions/{id}", operation: "deleteExecution", tag: .executions, access: .user,
        summary: "Delete a run that has ended",
        description: """
            Its steps are deleted too. The entries of the ledger stay, as do the runs that it started and its forks. A \
            call that started it is answered 410 when it is repeated with its `Idempotency-Key`.
            """,
        answers: [Answer(.noContent, "The run is deleted")], problems: [.executionUnderWay]
    ) { context in
        let found = try context.ownExecution()
        guard try found.delete(counting: context.storage, on: context.connection) else {
            throw Problem(.executionUnderWay)
        }
        return .noContent
    }
}

extension Context {
    /// The id of the workflow that the path names, if the caller may see it.
    fileprivate func readableWorkflowID() throws -> String {
        let (id, user) = (try workflowID(), try user)
        guard let owner = try Workflow.owner(of: id, on: connection), owner == user.id || user.isAdmin else {
            throw Problem.notFound
        }
        return id
    }
}
