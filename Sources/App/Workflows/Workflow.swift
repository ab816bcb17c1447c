import Flows
import HTTP
import JSON

/// A flow that a user keeps, to run it again. Only its owner and admins see it and change it.
///
/// What is run, its content, comes in versions that never change: whoever saves another content adds one. To save what
/// stands already changes nothing and adds none, so that a program may put its workflows in place again and again.
struct Workflow {
    /// What a version holds.
    struct Content {
        let name: String
        let description: String?
        /// As its writer wrote it.
        let flow: JSON
    }

    let id: String
    let userID: String
    let content: Content
    /// The number of the version that holds the content; the first one is 1.
    let version: Int64
    /// Counts every change, also those that make no version.
    let revision: Int64
    /// So many runs of it at a time; nil: any number. No version holds it: it is about all of them.
    let concurrency: Int64?
    let createdAt: String
    let updatedAt: String

    /// Workflows that a user keeps at a time.
    static let mostWorkflows = 1_000

    static let name = JSONSchema.string(minLength: 1, maxLength: 200)
    static let description = JSONSchema.string(maxLength: 10_000).nullable
    static let concurrency = JSONSchema.integer(1...1_000).nullable.described("Runs at a time; null: any number")

    /// What a list shows: a page of flows might be a hundred MiB.
    static let summary = JSONSchema.object(required: [
        "id": .string(format: .uuid), "user_id": .string(format: .uuid), "name": name, "description": description,
        "version": .integer, "concurrency": concurrency, "created_at": .string(format: .dateTime),
        "updated_at": .string(format: .dateTime),
    ]).named("WorkflowSummary")

    static let schema = summary.extended(by: ["flow": FlowFormat.flow]).named("Workflow")

    var json: JSON {
        [
            "id": .string(id), "user_id": .string(userID), "name": .string(content.name),
            "description": JSON(content.description), "version": .integer(version), "concurrency": JSON(concurrency),
            "created_at": .string(createdAt), "updated_at": .string(updatedAt), "flow": content.flow,
        ]
    }

    var tag: EntityTag { EntityTag(version: revision) }

    func isOpen(to principal: Principal) -> Bool { userID == principal.id || principal.isAdmin }
}

extension Workflow.Content {
    /// Whether it is the same to the byte: to Swift two texts are equal that differ in how their accents are composed.
    func isIdentical(to other: Workflow.Content) -> Bool { json.serialized() == other.json.serialized() }

    private var json: JSON { ["name": .string(name), "description": JSON(description), "flow": flow] }
}

/// One version of a workflow, as it was saved.
struct WorkflowVersion {
    let number: Int64
    let content: Workflow.Content
    let createdAt: String

    static let summary = JSONSchema.object(required: [
        "version": .integer, "name": Workflow.name, "description": Workflow.description,
        "created_at": .string(format: .dateTime),
    ]).named("WorkflowVersionSummary")

    static let schema = summary.extended(by: ["flow": FlowFormat.flow]).named("WorkflowVersion")

    var json: JSON {
        [
            "version": .integer(number), "name": .string(content.name), "description": JSON(content.description),
            "created_at": .string(createdAt), "flow": content.flow,
        ]
    }
}
