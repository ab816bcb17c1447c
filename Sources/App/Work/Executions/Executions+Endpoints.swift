import Flows
import HTTP
import JSON
import Postgres

extension Endpoint<Context> {
    static let executions: [Endpoint] =
        [
            list(
                at: "/api/executions", operation: "listExecutions", tag: .executions, summary: "List your runs",
                examples: [Example("List your completed runs", query: ["status": "completed", "limit": "10"])]), read,
        ] + executionInterventions

    private typealias Column = ExecutionSummary.Column

    private static let filters: [ListQuery.Filter] = [
        .text("status", Column.status, fitting: ExecutionStatus.schema),
        .id("workflow_id", Column.workflowID), .id("parent_id", Column.parentID),
        .boolean(
            "dead_letter", "(\(Column.errorCode) = 'dead_letter')",
            summary: "Only runs that were given up because they ended every worker that executed them"),
    ]

    private static let summary = JSONSchema.object(required: [
        "id": ExecutionField.id, "flow_id": ExecutionField.flowID, "flow_name": ExecutionField.flowName,
        "status": ExecutionStatus.schema, "stopped_at": ExecutionField.stoppedAt,
        "workflow_id": ExecutionField.workflowID, "version": ExecutionField.version,
        "created_at": ExecutionField.createdAt, "finished_at": ExecutionField.finishedAt,
    ]).named("ExecutionSummary")

    /// The caller's runs; if the path contains an id, the runs of that workflow.
    static func list(at path: String, operation: String, tag: Tag, summary text: String, examples: [Example] = [])
        -> Endpoint
    {
        Endpoint(
            .get, path, operation: operation, tag: tag, access: .user, summary: text,
            query: ListQuery.parameters(filters, schema: summary),
            answers: [Answer(.ok, "A page of runs, without their steps", ListQuery.schema(of: summary))],
            examples: examples
        ) { context in
            let list = try context.page(of: path, filters: filters, schema: summary)
            let workflowID = context.endpoint.parameterNames.isEmpty ? nil : try context.workflowID()
            let runs = try ExecutionSummary.list(
                of: context.user.id, workflowID: workflowID, position: ListQuery.position(created: Column.createdAt),
                list.clauses(created: Column.createdAt, id: Column.id), on: context.connection)
            return list.page(
                runs.map { (ListQuery.Position(createdAtMicroseconds: $0.position, id: $0.id), $0.json) })
        }
    }

    private static let read = Endpoint(
        .get, "/api/executions/{id}", operation: "getExecution", tag: .executions, access: .user,
        summary: "Read a run with all its steps",
        answers: [Answer(.ok, "The run", RecordedExecution.schema)]
    ) { context in
        .json(try context.execution().json)
    }
}

extension Context {
    /// The id of the caller's workflow that the path names. A deleted workflow is included, because its runs are kept.
    fileprivate func workflowID() throws -> String {
        let (id, userID) = (try id(), try user.id)
        let found = try connection.query("SELECT 1 FROM workflows WHERE id = \(id) AND user_id = \(userID)")
        guard !found.isEmpty else { throw Problem.notFound }
        return id
    }

    /// The caller's run that the path names.
    func execution() throws -> RecordedExecution {
        guard let found = try Execution.find(try id(), of: user.id, on: connection) else { throw Problem.notFound }
        return found
    }
}

extension ExecutionSummary {
    fileprivate var json: JSON {
        [
            "id": .string(id), "flow_id": .string(flowID), "flow_name": .string(flowName),
            "status": .string(status), "stopped_at": JSON(stoppedAt), "workflow_id": JSON(workflowID),
            "version": JSON(version), "created_at": .string(createdAt), "finished_at": JSON(finishedAt),
        ]
    }
}
