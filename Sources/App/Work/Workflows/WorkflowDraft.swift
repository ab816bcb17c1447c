import Flows
import HTTP
import JSON

/// A workflow as a caller sends it, completely validated.
struct WorkflowDraft {
    let content: Workflow.Content
    let concurrency: Int64?
    let priority: Int64
    let maxQueued: Int64?
    let key: String?
    let onEnd: EndTarget?

    private static let members = JSONSchema.object(
        required: ["name": Workflow.name, "flow": .unchecked(FlowFormat.flow)],
        optional: [
            "key": Workflow.key, "description": Workflow.description, "input_schema": Workflow.inputSchema,
            "concurrency": Workflow.concurrency, "priority": Workflow.priority, "max_queued": Workflow.maxQueued,
            "on_end": EndTarget.draft,
        ]
    ).example(["name": "Nightly figures", "flow": FlowFormat.example, "concurrency": 1])

    /// A new workflow.
    static let schema = members.named("WorkflowDraft")
    /// A workflow that replaces another.
    static let replacement = ResourceChange(
        members.named("WorkflowReplacement"), of: Workflow.schema, figures: ["updated_at"])

    init(
        _ content: Workflow.Content, concurrency: Int64?, priority: Int64, maxQueued: Int64?, key: String?,
        onEnd: EndTarget?
    ) {
        self.content = content
        self.concurrency = concurrency
        self.priority = priority
        self.maxQueued = maxQueued
        self.key = key
        self.onEnd = onEnd
    }

    /// Throws 422 with every error in the workflow and its flow.
    init(_ json: JSON, by schema: JSONSchema = schema, catalog: TaskCatalog) throws {
        var problems = schema.violations(in: json)
        if let flow = json["flow"] { problems.append(contentsOf: Self.read(flow, catalog).problemsOfNewFlow) }
        let inputSchema = json["input_schema"] == .null ? Optional.none : json["input_schema"]
        if let inputSchema { problems.append(contentsOf: RunInput.problems(ofSchema: inputSchema)) }
        let key = json["key"]?.stringValue
        if let key, problems.allSatisfy({ $0.pointer != "/key" }), let mistake = WorkflowKey.mistake(in: key) {
            problems.append(Violation(at: ["key"], mistake))
        }
        let onEnd = EndTarget(json["on_end"])
        if problems.allSatisfy({ !$0.pointer.hasPrefix("/on_end") }), let mistake = onEnd?.mistake {
            problems.append(mistake)
        }
        guard problems.isEmpty, let name = json["name"]?.stringValue, let flow = json["flow"] else {
            throw Problem.invalid(problems)
        }
        self.init(
            Workflow.Content(
                name: name, description: json["description"]?.stringValue, flow: flow,
                inputSchema: inputSchema),
            concurrency: json["concurrency"]?.integerValue, priority: json["priority"]?.integerValue ?? 0,
            maxQueued: json["max_queued"]?.integerValue, key: key, onEnd: onEnd)
    }

    /// The content of an older version, to be saved again. Throws 422 if its flow is no longer valid, for example
    /// because it names a task type that no longer exists. Mistakes that were possible when it was stored remain so.
    init(restoring version: WorkflowVersion, of workflow: Workflow, catalog: TaskCatalog) throws {
        let problems = Self.read(version.content.flow, catalog).problems
        guard problems.isEmpty else { throw Problem.invalid(problems) }
        self.init(
            version.content, concurrency: workflow.concurrency, priority: workflow.priority,
            maxQueued: workflow.maxQueued, key: workflow.key, onEnd: workflow.onEnd)
    }

    private static func read(_ flow: JSON, _ catalog: TaskCatalog) -> FlowReader {
        var reader = FlowReader(catalog: catalog)
        _ = reader.read(flow)
        return reader
    }
}

/// A workflow as a document of its own, to store in a file or to import into another installation.
enum WorkflowDocument {
    private static let format: JSON = "flow-manager.workflow"
    /// Incremented with each incompatible change of the format.
    private static let version: JSON = 1

    static let schema = JSONSchema.object(
        required: [
            "format": JSONSchema.constant(format).described("Identifies the document as a workflow"),
            "format_version": JSONSchema.constant(version).described("The version of the document's format"),
            "name": Workflow.name, "flow": .unchecked(FlowFormat.flow),
        ],
        optional: [
            "key": Workflow.key, "description": Workflow.description, "input_schema": Workflow.inputSchema,
            "concurrency": Workflow.concurrency, "priority": Workflow.priority, "max_queued": Workflow.maxQueued,
        ]
    ).example(
        ["format": format, "format_version": version, "name": "Nightly figures", "flow": FlowFormat.example]
    ).named("WorkflowDocument")

    static func json(of workflow: Workflow) -> JSON {
        [
            "format": format, "format_version": version, "key": JSON(workflow.key),
            "name": .string(workflow.content.name),
            "description": JSON(workflow.content.description), "concurrency": JSON(workflow.concurrency),
            "priority": .integer(workflow.priority), "max_queued": JSON(workflow.maxQueued),
            "flow": workflow.content.flow, "input_schema": workflow.content.inputSchema ?? .null,
        ]
    }

    /// Throws 422 with every error. For another version of the format, it reports only that, because the rest may be
    /// valid in that version.
    static func read(_ json: JSON, catalog: TaskCatalog) throws -> WorkflowDraft {
        if json["format"] == format, let other = json["format_version"]?.integerValue, .integer(other) != version {
            throw Problem.invalid(
                "/format_version", "must be \(version.text): version \(other) of the format is not supported")
        }
        return try WorkflowDraft(json, by: schema, catalog: catalog)
    }
}
