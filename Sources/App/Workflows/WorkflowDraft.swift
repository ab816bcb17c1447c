import Flows
import HTTP
import JSON

/// What a caller says of a workflow, checked whole.
struct WorkflowDraft {
    let content: Workflow.Content
    let concurrency: Int64?

    static let schema = JSONSchema.object(
        required: ["name": Workflow.name, "flow": .unchecked(FlowFormat.flow)],
        optional: ["description": Workflow.description, "concurrency": Workflow.concurrency]
    ).example(["name": "Nightly figures", "flow": FlowFormat.example, "concurrency": 1]).named("WorkflowDraft")

    init(_ content: Workflow.Content, concurrency: Int64?) {
        self.content = content
        self.concurrency = concurrency
    }

    /// Throws 422 with everything that is wrong, in the frame and in the flow.
    init(_ json: JSON, by schema: JSONSchema = schema, catalog: TaskCatalog) throws {
        var problems = schema.violations(in: json)
        if let flow = json["flow"] { problems += Self.problems(of: flow, catalog) }
        guard problems.isEmpty, let name = json["name"]?.stringValue, let flow = json["flow"] else {
            throw Problem.invalid(problems)
        }
        self.init(
            Workflow.Content(name: name, description: json["description"]?.stringValue, flow: flow),
            concurrency: json["concurrency"]?.integerValue)
    }

    /// An older version's content to be saved again. Throws 422 where its flow is none any more, as when it needs a
    /// task type that this program does not have.
    init(restoring version: WorkflowVersion, of workflow: Workflow, catalog: TaskCatalog) throws {
        let problems = Self.problems(of: version.content.flow, catalog)
        guard problems.isEmpty else { throw Problem.invalid(problems) }
        self.init(version.content, concurrency: workflow.concurrency)
    }

    private static func problems(of flow: JSON, _ catalog: TaskCatalog) -> [Violation] {
        var reader = FlowReader(catalog: catalog)
        _ = reader.read(flow)
        return reader.problems
    }
}

/// A workflow as a document of its own, to be kept in a file or taken to another installation.
enum WorkflowDocument {
    private static let format: JSON = "flow-manager.workflow"
    /// Rises when documents change so that a reader of the last one would get them wrong.
    private static let version: JSON = 1

    static let schema = JSONSchema.object(
        required: [
            "format": .constant(format), "format_version": .constant(version), "name": Workflow.name,
            "flow": .unchecked(FlowFormat.flow),
        ],
        optional: ["description": Workflow.description, "concurrency": Workflow.concurrency]
    ).example(
        ["format": format, "format_version": version, "name": "Nightly figures", "flow": FlowFormat.example]
    ).named("WorkflowDocument")

    static func json(of workflow: Workflow) -> JSON {
        [
            "format": format, "format_version": version, "name": .string(workflow.content.name),
            "description": JSON(workflow.content.description), "concurrency": JSON(workflow.concurrency),
            "flow": workflow.content.flow,
        ]
    }

    /// Throws 422 with everything that is wrong; of another format's version that alone, since the rest may be right.
    static func read(_ json: JSON, catalog: TaskCatalog) throws -> WorkflowDraft {
        if json["format"] == format, let other = json["format_version"]?.integerValue, .integer(other) != version {
            throw Problem.invalid(
                "/format_version", "version \(other) of the format cannot be read here, only version \(version.text)")
        }
        return try WorkflowDraft(json, by: schema, catalog: catalog)
    }
}
