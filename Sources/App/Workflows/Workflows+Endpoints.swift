import HTTP
import JSON
import Postgres

extension Endpoint<Context> {
    static let workflows: [Endpoint] = [
        list, create, read, replace, remove, listVersions, readVersion, rollback, export, importDocument,
    ]

    private static let filters: [ListQuery.Filter] = [
        .text("name", "v.name", fitting: Workflow.name), .id("user_id", "w.user_id"),
    ]

    private static let list = Endpoint(
        .get, "/api/workflows", access: .user, summary: "The caller's workflows; for admins, everybody's",
        query: ListQuery.parameters(filters, schema: Workflow.summary),
        answers: [Answer(.ok, "A page of workflows, without their flows", ListQuery.schema(of: Workflow.summary))]
    ) { context in
        let list = try ListQuery(context, list: "workflows", filters: filters, schema: Workflow.summary)
        return list.page(try Workflow.list(list, for: context.user, on: context.connection))
    }

    /// The whole draft is for its reader, which reports what is wrong in the frame and in the flow together.
    private static let create = Endpoint(
        .post, "/api/workflows", access: .user, summary: "Keep a flow, to run it again",
        body: .json(.unchecked(WorkflowDraft.schema)), idempotency: .wholeCall, answers: made
    ) { context in
        try keep(WorkflowDraft(context.input, catalog: context.services.tasks), context)
    }

    private static let read = Endpoint(
        .get, "/api/workflows/{id}", access: .user, summary: "One workflow with its flow",
        answers: [
            Answer(.ok, "The workflow", Workflow.schema),
            Answer(.notModified, "What If-None-Match names still stands"),
        ]
    ) { context in
        let workflow = try found(context)
        if let known = context.request.headers["if-none-match"], workflow.tag.matches(ifNoneMatch: known) {
            return Response(status: .notModified, headers: ["ETag": workflow.tag.description])
        }
        return answer(workflow)
    }

    private static let replace = Endpoint(
        .put, "/api/workflows/{id}", access: .user, summary: "Save a workflow anew; another content is another version",
        body: .json(.unchecked(WorkflowDraft.schema)), answers: changed
    ) { context in
        let draft = try WorkflowDraft(context.input, catalog: context.services.tasks)
        return try context.connection.transaction { connection in
            answer(try changeable(context).save(draft, on: connection))
        }
    }

    private static let remove = Endpoint(
        .delete, "/api/workflows/{id}", access: .user, summary: "Delete a workflow; its executions stay",
        answers: [Answer(.noContent, "Deleted"), mismatch]
    ) { context in
        try context.connection.transaction { connection in
            try changeable(context).delete(context.audit, on: connection)
            return .noContent
        }
    }

    private static let listVersions = Endpoint(
        .get, "/api/workflows/{id}/versions", access: .user, summary: "What a workflow was, from save to save",
        query: ListQuery.parameters([], schema: WorkflowVersion.summary),
        answers: [
            Answer(.ok, "A page of versions, without their flows", ListQuery.schema(of: WorkflowVersion.summary))
        ]
    ) { context in
        let workflow = try found(context)
        let list = try ListQuery(
            context, list: "versions of \(workflow.id)", filters: [], schema: WorkflowVersion.summary)
        return list.page(try WorkflowVersion.list(list, of: workflow, on: context.connection))
    }

    private static let readVersion = Endpoint(
        .get, "/api/workflows/{id}/versions/{version}", access: .user, summary: "One version with its flow",
        answers: [Answer(.ok, "The version", WorkflowVersion.schema)]
    ) { context in
        let workflow = try found(context)
        let text = context.parameters[1]
        guard let number = Int32(text), String(number) == text,
            let version = try WorkflowVersion.find(Int64(number), of: workflow, on: context.connection)
        else { throw Problem.notFound }
        return .json(version.json)
    }

    private static let rollback = Endpoint(
        .post, "/api/workflows/{id}/rollback", access: .user,
        summary: "Save an earlier version's content again, as the newest version",
        body: .json(.object(required: ["version": .integer(1...Int64(Int32.max))]).named("WorkflowRollback")),
        idempotency: .wholeCall, answers: changed
    ) { context in
        try context.connection.atomically { connection in
            let workflow = try changeable(context)
            let number = context.input["version"]?.integerValue ?? 0
            guard let version = try WorkflowVersion.find(number, of: workflow, on: connection) else {
                throw Problem.invalid("/version", "the workflow has \(workflow.version) as its newest version")
            }
            let draft = try WorkflowDraft(restoring: version, of: workflow, catalog: context.services.tasks)
            return answer(try workflow.save(draft, on: connection))
        }
    }

    private static let export = Endpoint(
        .get, "/api/workflows/{id}/export", access: .user, summary: "A workflow as a document of its own",
        answers: [Answer(.ok, "What /api/workflows/import takes", WorkflowDocument.schema)]
    ) { context in
        .json(WorkflowDocument.json(of: try found(context)))
    }

    private static let importDocument = Endpoint(
        .post, "/api/workflows/import", access: .user, summary: "Keep a workflow that was exported, as a new one",
        body: .json(.unchecked(WorkflowDocument.schema)), idempotency: .wholeCall, answers: made
    ) { context in
        try keep(WorkflowDocument.read(context.input, catalog: context.services.tasks), context)
    }

    private static let made = [
        Answer(.created, "The workflow", Workflow.schema),
        Answer(.conflict, "The caller has as many workflows as may be", Problem.schema),
    ]
    private static let changed = [Answer(.ok, "The workflow", Workflow.schema), mismatch]
    private static let mismatch = Answer(
        .preconditionFailed, "The workflow is no longer what If-Match names", Problem.schema)

    private static func answer(_ workflow: Workflow) -> Response {
        .json(workflow.json, headers: ["ETag": workflow.tag.description])
    }

    private static func keep(_ draft: WorkflowDraft, _ context: Context) throws -> Response {
        guard let workflow = try Workflow.insert(draft, of: context.user.id, on: context.connection) else {
            throw Problem(.conflict, "too_many_workflows", "There are \(Workflow.mostWorkflows) workflows already")
        }
        return .created(
            workflow.json, at: "/api/workflows/\(workflow.id)", headers: ["ETag": workflow.tag.description])
    }

    /// The workflow of the path, if the caller may see it.
    private static func found(_ context: Context, locked: Bool = false) throws -> Workflow {
        guard let workflow = try Workflow.find(try context.id(), locked: locked, on: context.connection),
            workflow.isOpen(to: try context.user)
        else { throw Problem.notFound }
        return workflow
    }

    /// The same, locked, if it is what the caller knows.
    private static func changeable(_ context: Context) throws -> Workflow {
        let workflow = try found(context, locked: true)
        if let expected = context.request.headers["if-match"], !workflow.tag.matches(ifMatch: expected) {
            throw Problem(.preconditionFailed, "version_mismatch", "The workflow has changed since")
        }
        return workflow
    }
}
