import Flows
import HTTP
import JSON
import Postgres

extension Endpoint<Context> {
    static let executions: [Endpoint] = [list, read]

    private static let filters: [ListQuery.Filter] = [
        .text("status", "status", among: ExecutionStatus.allCases.map(\.rawValue))
    ]

    private static let summary = JSONSchema.object(required: [
        "id": .string(format: .uuid), "flow_id": .string, "flow_name": .string,
        "status": .string(enum: ExecutionStatus.allCases.map(\.rawValue)), "stopped_at": JSONSchema.string.nullable,
        "created_at": .string(format: .dateTime), "finished_at": JSONSchema.string(format: .dateTime).nullable,
    ]).named("ExecutionSummary")

    private static let list = Endpoint(
        .get, "/api/executions", access: .user, summary: "The caller's runs",
        query: ListQuery.parameters(filters, schema: summary),
        answers: [Answer(.ok, "A page of runs, without their steps", ListQuery.schema(of: summary))]
    ) { context in
        let list = try ListQuery(
            context, list: "executions", filters: filters, schema: summary)
        let rows = try context.connection.query(
            """
            SELECT id, flow->>'id', flow->>'name', status, stopped_at, rfc3339(created_at), rfc3339(finished_at),
                \(ListQuery.position(created: "created_at"))
            FROM executions WHERE user_id = \(context.user.id) \(list.clauses(created: "created_at", id: "id"))
            """)
        return list.page(try rows.map(item))
    }

    private static func item(_ row: Row) throws -> (position: ListQuery.Position, json: JSON) {
        let (id, flowID, flowName, status, stoppedAt, createdAt, finishedAt, created) = try row.decode(
            String.self, String.self, String.self, String.self, String?.self, String.self, String?.self, Int64.self)
        return (
            ListQuery.Position(createdAtMicroseconds: created, id: id),
            [
                "id": .string(id), "flow_id": .string(flowID), "flow_name": .string(flowName),
                "status": .string(status),
                "stopped_at": JSON(stoppedAt), "created_at": .string(createdAt), "finished_at": JSON(finishedAt),
            ]
        )
    }

    private static let read = Endpoint(
        .get, "/api/executions/{id}", access: .user, summary: "One run with all its steps",
        answers: [Answer(.ok, "The run", RecordedExecution.schema)]
    ) { context in
        guard let found = try Execution.find(try context.id(), of: context.user.id, on: context.connection) else {
            throw Problem.notFound
        }
        return .json(found.json)
    }
}
