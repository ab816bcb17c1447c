import Flows
import HTTP
import JSON
import Postgres

/// A flow that a user has stored in order to run it repeatedly. Only its owner and admins can read and change it.
///
/// Its content is stored in versions that never change: saving different content adds a version. Saving the current
/// content changes nothing, so that a program can save its workflows repeatedly.
struct Workflow {
    /// The content of a version.
    struct Content {
        let name: String
        let description: String?
        /// As the caller sent it.
        let flow: JSON
        /// The JSON Schema of the inputs that runs may have, as the caller sent it; nil: any input.
        var inputSchema: JSON?
        /// As `Flow.passesErrors`; it stays as it is until other content is saved.
        var passesErrors = true
    }

    let id: String
    let userID: String
    let content: Content
    /// The number of the version with this content; the first one is 1.
    let version: Int64
    /// Counts every change, including those that add no version.
    let revision: Int64
    /// The maximum number of concurrent runs; nil: no limit. It applies to all versions and belongs to none.
    let concurrency: Int64?
    /// Of the owner's runs that are due, those of workflows with a higher priority are executed first.
    let priority: Int64
    /// The maximum number of runs that wait for a worker; nil: no limit of the workflow.
    let maxQueued: Int64?
    /// Names the workflow as its id does; nil: nothing else does. Like the limit, it belongs to no version.
    let key: String?
    /// Where the ends of its runs are notified; it belongs to no version either.
    let onEnd: EndTarget?
    let createdAt: String
    let updatedAt: String

    /// The maximum number of workflows that a user may have.
    static let maximumWorkflows = 1_000
    /// The maximum number of versions that a workflow may have.
    static let maximumVersions = 500

    static let name = JSONSchema.string(minLength: 1, maxLength: 200)
    static let description = JSONSchema.string(maxLength: 10_000).nullable.described("For readers; it has no effect")
    static let keyText = JSONSchema.string(minLength: 1, maxLength: WorkflowKey.maximumLength)
    static let key = keyText.nullable.described(
        "A name that works wherever the workflow's id does, in paths and in flows: a letter from a to z, then up to 62 "
            + "such letters, digits and hyphens. Not the form of an id, and no word of a path, such as `versions`. "
            + "Unique among the user's workflows that are not deleted. Default: null")
    static let inputSchema = JSONSchema.unchecked(JSONSchema.object(additional: .any).nullable).described(
        "The JSON Schema (2020-12) of the inputs that runs may have; others are refused with 422. It may use `type` "
            + "(one type), `const`, `enum` (of strings), `anyOf`, `properties`, `required`, `additionalProperties`, "
            + "`items`, `minItems`, `maxItems`, `minLength`, `maxLength`, `format` (`email`, `uuid`, `date-time`), "
            + "`minimum`, `maximum`, `title`, `description`, `examples`, `$schema` and `$comment`. An integer has "
            + "no fraction and no exponent. Default: null, which accepts any input")
    static let concurrency = JSONSchema.integer(1...1_000).nullable.described(
        "Maximum number of concurrent runs. Further runs wait in the queue. Default: null, which means no limit")
    static let priority = JSONSchema.integer(0...9).described(
        "Of your runs that are due, those of workflows with a higher priority are executed first. It applies to runs "
            + "that are queued from then on, and to those that they start. Default: 0")
    static let maxQueued = JSONSchema.integer(1...10_000).nullable.described(
        "Maximum number of runs that wait in the queue. Further ones are refused with 429. Default: null, which means "
            + "no limit of the workflow")

    /// The members of a workflow in a list. The flow is left out, because a page of flows could be 100 MiB.
    static let summary = Resource(
        "WorkflowSummary", .id("id", sql: "w.id"), .id("user_id", sql: "w.user_id").described("The owner"),
        .text("key", key, sql: "w.key"),
        .text("name", name, sql: "v.name"), .text("description", description, sql: "v.description"),
        .integer("version", sql: "w.version").described("The number of the current version, from 1"),
        .integer("concurrency", concurrency, sql: "w.concurrency"),
        .integer("priority", priority, sql: "w.priority"), .integer("max_queued", maxQueued, sql: "w.max_queued"),
        .time("created_at", sql: "w.created_at"), .time("updated_at", sql: "w.updated_at"))

    static let resource = Resource(
        "Workflow", extending: summary, .json("flow", FlowFormat.flow, sql: "v.flow"),
        .json("input_schema", inputSchema, sql: "v.input_schema"),
        .json("on_end", EndTarget.schema, sql: EndTarget.sql))
    static let schema = resource.schema

    var json: JSON {
        [
            "id": .string(id), "user_id": .string(userID), "key": JSON(key), "name": .string(content.name),
            "description": JSON(content.description), "version": .integer(version), "concurrency": JSON(concurrency),
            "priority": .integer(priority), "max_queued": JSON(maxQueued),
            "created_at": .string(createdAt), "updated_at": .string(updatedAt), "flow": content.flow,
            "input_schema": content.inputSchema ?? .null, "on_end": onEnd?.json() ?? .null,
        ]
    }

    /// The same with the secret that signs its notifications.
    func json(revealing secret: String?) -> JSON {
        guard let secret, var object = json.objectValue else { return json }
        object["on_end"] = onEnd?.json(secret: secret)
        return .object(object)
    }

    var tag: EntityTag { EntityTag(version: revision) }

    /// Whether saving the draft would change nothing.
    func isIdentical(to draft: WorkflowDraft) -> Bool {
        draft.concurrency == concurrency && draft.priority == priority && draft.maxQueued == maxQueued
            && draft.key == key && draft.onEnd == onEnd && draft.content.isIdentical(to: content)
    }

    func isOpen(to principal: Principal) -> Bool { userID == principal.id || principal.isAdmin }
}

extension Workflow.Content {
    /// Whether both are the same bytes: in Swift, strings that differ in Unicode normalization are equal.
    func isIdentical(to other: Workflow.Content) -> Bool { json.serialized() == other.json.serialized() }

    private var json: JSON {
        [
            "name": .string(name), "description": JSON(description), "flow": flow,
            "input_schema": inputSchema ?? .null,
        ]
    }
}

/// One version of a workflow, as it was saved.
struct WorkflowVersion {
    let number: Int64
    let content: Workflow.Content

    static let summary = Resource(
        "WorkflowVersionSummary",
        .integer("version").described("The number of the version, from 1"), .text("name", Workflow.name),
        .text("description", Workflow.description), .time("created_at"))

    static let resource = Resource(
        "WorkflowVersion", extending: summary, .json("flow", FlowFormat.flow),
        .json("input_schema", Workflow.inputSchema))
}
