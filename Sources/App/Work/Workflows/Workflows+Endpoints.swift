import Flows
import HTTP
import JSON
import Postgres
import System

extension Endpoint<Context> {
    static let workflows: [Endpoint] = [
        create, list, read, replace, listVersions, readVersion, rollback, removeVersion, export, importDocument,
        remove,
    ]

    private static let list = page(
        of: PagedList(
            "workflows", of: Workflow.summary,
            filters: [
                .text("name", fitting: Workflow.name, sql: "v.name"),
                .text("key", fitting: Workflow.keyText, sql: "w.key"),
                .id("user_id", sql: "w.user_id"),
            ]),
        at: "/api/workflows", operation: "listWorkflows", tag: .workflows, access: .user,
        summary: "List your workflows", description: "Admins get those of all users. Items do not contain the flow.",
        answer: "A page of workflows"
    ) { context in
        Workflow.readable(by: try context.user)
    }

    /// `WorkflowDraft` validates the whole body, to report errors in the workflow and in its flow together.
    private static let create = Endpoint(
        .post, "/api/workflows", operation: "createWorkflow", tag: .workflows, access: .user,
        summary: "Store a flow as a workflow", body: .json(.unchecked(WorkflowDraft.schema)),
        idempotency: .wholeCall, answers: created, problems: [.tooManyWorkflows, .keyTaken, .quotaExceeded],
        examples: [
            Example(
                "Store the demo chain",
                body: [
                    "name": "Nightly figures", "description": "Sums up the day", "flow": FlowFormat.example,
                    "input_schema": ["type": "object", "properties": ["amount": ["type": "number", "minimum": 0]]],
                ],
                stores: ["workflow_id": "/id"]),
            Example(
                "Store a workflow that notifies of the ends of its runs",
                body: [
                    "name": "Notified figures", "flow": FlowFormat.example, "on_end": ["url": "{{URL}}/ends"],
                ],
                stores: ["notified_workflow_id": "/id"]),
        ]
    ) { context in
        try store(WorkflowDraft(context.input, catalog: context.services.engine.catalog), context)
    }

    private static let read = Endpoint(
        .get, "/api/workflows/{id}", operation: "getWorkflow", tag: .workflows, access: .user,
        summary: "Read a workflow with its flow", parameters: [.workflow], headers: [.ifNoneMatch],
        answers: [
            Answer(.ok, "The workflow", Workflow.schema, headers: [.etag]),
            Answer(.notModified, "The version that `If-None-Match` names is current", headers: [.etag]),
        ]
    ) { context in
        let shown = try Workflow.shown(context.workflowID(), to: context.user, on: context.connection)
        guard let (text, tag) = shown else { throw Problem.notFound }
        if let known = context.request.headers.list("if-none-match"), tag.matches(ifNoneMatch: known) {
            return Response(status: .notModified, headers: ["ETag": tag.description])
        }
        return .json(text, headers: ["ETag": tag.description])
    }

    private static let replace = Endpoint(
        .put, "/api/workflows/{id}", operation: "replaceWorkflow", tag: .workflows, access: .user,
        summary: "Replace a workflow",
        description: """
            A changed name, description, flow or input schema becomes a new version. The same content again changes
            nothing, so a program may put its workflows at each of its starts. A `version` in the body must be the
            newest one: a change of what has become an older version is refused. A call that changes nothing may have
            an older one. What the body does not have is removed: without `key`, calls cannot name the workflow by it
            any more; without `on_end`, the secret is removed, and what was pending is dropped. An API key may not
            change `on_end`.
            """,
        parameters: [.workflow], headers: [.ifMatch], body: .json(.unchecked(WorkflowDraft.replacement.schema)),
        answers: changed, problems: [.versionMismatch, .tooManyVersions, .keyTaken, .quotaExceeded],
        examples: [
            Example(
                "Rename the workflow and limit its runs",
                body: ["name": "Figures of the night", "flow": FlowFormat.example, "concurrency": 2])
        ]
    ) { context in
        let form = WorkflowDraft.replacement
        let draft = try WorkflowDraft(context.input, by: form.schema, catalog: context.services.engine.catalog)
        return try context.connection.transaction { connection in
            let workflow = try changeable(context)
            // A repeated call has the version that was current before the first one.
            let version = context.input["version"]?.integerValue ?? workflow.version
            let isRepeated = (1..<workflow.version).contains(version) && workflow.isIdentical(to: draft)
            try form.check(context.input, against: workflow.json, ignoring: isRepeated ? "version" : nil)
            return try save(draft, as: workflow, context)
        }
    }

    private static let remove = Endpoint(
        .delete, "/api/workflows/{id}", operation: "deleteWorkflow", tag: .workflows, access: .user,
        summary: "Delete a workflow", description: "Its runs stay on record. Its key may be given again.",
        parameters: [.workflow], headers: [.ifMatch],
        answers: [Answer(.noContent, "The workflow is deleted")], problems: [.versionMismatch],
        examples: [Example("Delete the imported workflow", path: ["id": "{{imported_workflow_id}}"])]
    ) { context in
        try context.connection.transaction { connection in
            try changeable(context).delete(context.audit, counting: context.storage, on: connection)
            return .noContent
        }
    }

    private static let listVersions = page(
        of: PagedList("versions of", of: WorkflowVersion.summary, id: "workflow_id"),
        at: "/api/workflows/{id}/versions", operation: "listWorkflowVersions", tag: .workflows, access: .user,
        summary: "List the versions of a workflow", parameters: [.workflow],
        description: "Items do not contain the flow.",
        answer: "A page of versions"
    ) { context in
        let id = try context.workflowID()
        guard try Workflow.mayBeRead(id, by: context.user, on: context.connection) else { throw Problem.notFound }
        return WorkflowVersion.all(ofWorkflow: id)
    }

    private static let readVersion = Endpoint(
        .get, "/api/workflows/{id}/versions/{version}", operation: "getWorkflowVersion", tag: .workflows,
        access: .user, summary: "Read a version of a workflow with its flow",
        parameters: [.workflow, versionNumber],
        answers: [Answer(.ok, "The version", WorkflowVersion.resource.schema)],
        examples: [Example("Read the first version", path: ["version": "1"])]
    ) { context in
        let id = try context.workflowID()
        guard let number = Int32(plain: context.path("version")),
            try Workflow.mayBeRead(id, by: context.user, on: context.connection),
            let version = try WorkflowVersion.text(Int64(number), ofWorkflow: id, on: context.connection)
        else { throw Problem.notFound }
        return .json(version)
    }

    private static let versionNumber = Parameter(
        "version", .integer(1...Int64(Int32.max)), "The number of the version")

    /// The version that the path names.
    private static func version(of workflow: Workflow, _ context: Context) throws -> WorkflowVersion {
        guard let number = Int32(plain: context.path("version")),
            let version = try WorkflowVersion.find(Int64(number), of: workflow, on: context.connection)
        else { throw Problem.notFound }
        return version
    }

    private static let rollback = Endpoint(
        .post, "/api/workflows/{id}/rollback", operation: "rollbackWorkflow", tag: .workflows, access: .user,
        summary: "Make an earlier version the newest", parameters: [.workflow], headers: [.ifMatch],
        body: .json(.object(required: ["version": .integer(1...Int64(Int32.max))]).named("WorkflowRollback")),
        idempotency: .wholeCall, answers: changed, problems: [.versionMismatch, .tooManyVersions, .quotaExceeded],
        examples: [Example("Return to the first version", body: ["version": 1])]
    ) { context in
        try context.connection.atomically { connection in
            let workflow = try changeable(context)
            let number = context.input["version"]?.integerValue ?? 0
            guard let version = try WorkflowVersion.find(number, of: workflow, on: connection) else {
                throw Problem.unknownVersion
            }
            let draft = try WorkflowDraft(restoring: version, of: workflow, catalog: context.services.engine.catalog)
            return try save(draft, as: workflow, context)
        }
    }

    private static let removeVersion = Endpoint(
        .delete, "/api/workflows/{id}/versions/{version}", operation: "deleteWorkflowVersion", tag: .workflows,
        access: .user, summary: "Delete a version of a workflow",
        description: "Not the current one, and none that a run names. Its number is not used again.",
        parameters: [.workflow, versionNumber], answers: [Answer(.noContent, "The version is deleted")],
        problems: [.versionInUse], examples: [Example("Delete the second version", path: ["version": "2"])]
    ) { context in
        try context.connection.transaction { connection in
            let workflow = try found(context, locked: true)
            let version = try version(of: workflow, context)
            guard version.number != workflow.version,
                try version.remove(from: workflow, counting: context.storage, on: connection)
            else {
                throw Problem(.versionInUse)
            }
            return .noContent
        }
    }

    private static let export = Endpoint(
        .get, "/api/workflows/{id}/export", operation: "exportWorkflow", tag: .workflows, access: .user,
        summary: "Export a workflow as a document", parameters: [.workflow],
        answers: [Answer(.ok, "What `POST /api/workflows/import` takes", WorkflowDocument.schema)]
    ) { context in
        .json(WorkflowDocument.json(of: try found(context)))
    }

    private static let importDocument = Endpoint(
        .post, "/api/workflows/import", operation: "importWorkflow", tag: .workflows, access: .user,
        summary: "Create a workflow from an exported document", body: .json(.unchecked(WorkflowDocument.schema)),
        idempotency: .wholeCall, answers: created, problems: [.tooManyWorkflows, .keyTaken, .quotaExceeded],
        examples: [
            Example(
                "Import a workflow",
                body: [
                    "format": "flow-manager.workflow", "format_version": 1, "name": "Imported figures",
                    "flow": FlowFormat.example,
                ],
                stores: ["imported_workflow_id": "/id"])
        ]
    ) { context in
        try store(WorkflowDocument.read(context.input, catalog: context.services.engine.catalog), context)
    }

    private static let created = [Answer(.created, "The workflow", Workflow.schema, headers: [.etag])]
    private static let changed = [Answer(.ok, "The workflow", Workflow.schema, headers: [.etag])]

    /// Throws 409 if the workflow has the maximum number of versions.
    private static func save(
        _ draft: WorkflowDraft, as workflow: Workflow, _ context: Context
    ) throws -> Response {
        let connection = context.connection
        guard let saved = try workflow.save(draft, counting: context.storage, on: connection) else {
            throw Problem(.tooManyVersions)
        }
        let secret = try context.changeEnds(of: saved, from: workflow.onEnd)
        if saved.concurrency != workflow.concurrency {
            try context.services.engine.applyLimit(ofWorkflow: saved.id, of: saved.userID, on: connection)
        }
        return .json(
            saved.json(revealing: context.idempotencyKey == nil ? secret : nil),
            headers: ["ETag": saved.tag.description])
    }

    private static func store(_ draft: WorkflowDraft, _ context: Context) throws -> Response {
        try context.connection.atomically { connection in
            guard
                let workflow = try Workflow.insert(
                    draft, of: context.user.id, counting: context.storage, on: connection)
            else {
                throw Problem(.tooManyWorkflows)
            }
            let secret = try context.changeEnds(of: workflow, from: nil)
            // The answer to a call with a key is stored.
            return .created(
                workflow.json(revealing: context.idempotencyKey == nil ? secret : nil),
                at: "/api/workflows/\(workflow.id)", headers: ["ETag": workflow.tag.description])
        }
    }

    /// The workflow of the path, if the caller may see it.
    private static func found(_ context: Context, locked: Bool = false) throws -> Workflow {
        guard let workflow = try Workflow.find(try context.workflowID(), locked: locked, on: context.connection),
            workflow.isOpen(to: try context.user)
        else { throw Problem.notFound }
        return workflow
    }

    /// The same workflow, locked. Throws 412 unless `If-Match` names its version.
    private static func changeable(_ context: Context) throws -> Workflow {
        let workflow = try found(context, locked: true)
        if let expected = context.request.headers.list("if-match"), !workflow.tag.matches(ifMatch: expected) {
            throw Problem(.versionMismatch)
        }
        return workflow
    }
}
