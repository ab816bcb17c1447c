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

    private static let filters: [ListQuery.Filter] = [
        .text("status", "coalesce(q.state, e.status)", fitting: ExecutionStatus.schema),
        .id("workflow_id", "e.workflow_id"), .id("parent_id", "e.parent_id"),
        .boolean(
            "dead_letter", "(coalesce(e.error->>'code', '') = 'dead_letter')",
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
            let list = try ListQuery(context, list: path, filters: filters, schema: summary)
            let workflowID = context.endpoint.parameterNames.isEmpty ? nil : try context.workflowID()
            let ofWorkflow: SQL = workflowID.map { "AND e.workflow_id = \($0)" } ?? SQL()
            let rows = try context.connection.query(
                """
                SELECT e.id, coalesce(e.flow, v.flow)->>'id', coalesce(e.flow, v.flow)->>'name',
                    coalesce(q.state, e.status), e.stopped_at, e.workflow_id, e.version, rfc3339(e.created_at),
                    rfc3339(e.finished_at), \(ListQuery.position(created: "e.created_at"))
                FROM executions e \(Execution.joins) \(Execution.place)
                WHERE e.user_id = \(context.user.id) \(ofWorkflow)
                \(list.clauses(created: "e.created_at", id: "e.id"))
                """)
            return list.page(try rows.map(item))
        }
    }

    private static func item(_ row: Row) throws -> (position: ListQuery.Position, json: JSON) {
        let (id, flowID, flowName, status, stoppedAt, workflowID, version, createdAt, finishedAt, created) =
            try row.decode(
                String.self, String.self, String.self, String.self, String?.self, String?.self, Int?.self,
                String.self, String?.self, Int64.self)
        return (
            ListQuery.Position(createdAtMicroseconds: created, id: id),
            [
                "id": .string(id), "flow_id": .string(flowID), "flow_name": .string(flowName),
                "status": .string(status), "stopped_at": JSON(stoppedAt), "workflow_id": JSON(workflowID),
                "version": JSON(version), "created_at": .string(createdAt), "finished_at": JSON(finishedAt),
            ]
        )
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
