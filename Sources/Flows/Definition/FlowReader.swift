package import JSON
import System

/// Parses and validates a flow, and reports all problems at once.
///
/// The JSON pointers of problems begin with `prefix`. The hint for a misspelt name is the most similar known name.
/// Warnings concern parts of a valid flow that are never executed.
package struct FlowReader {
    /// The maximum number of problems with a hint: the search through a thousand names takes milliseconds.
    private static let maximumHints = 20

    package var problems: Violations { withPrefix(problemsFound) }
    package var warnings: Violations { withPrefix(warningsFound) }
    /// Problems and warnings, with pointers relative to the flow.
    private var problemsFound: Violations = []
    var warningsFound: Violations = []
    private let catalog: TaskCatalog
    private let prefix: String
    /// The names of the tasks in order, and the position of each name.
    private var names: [String] = []
    private var positions: [TextKey: Int] = [:]

    package init(catalog: TaskCatalog, prefix: String = "/flow") {
        self.catalog = catalog
        self.prefix = prefix
    }

    /// Returns the flow, or nil if it is invalid; `problems` then lists the reasons. `json` may be any value.
    package mutating func read(_ json: JSON) -> Flow? {
        problemsFound = FlowFormat.flow.violations(in: json)
        let tasks = json["tasks"]?.arrayValue ?? []
        guard tasks.count <= Flow.taskLimit else { return nil }
        readNames(tasks)
        let edges = readConditions(json["conditions"]?.arrayValue ?? [], for: tasks.count)
        let start = json["start_task"]?.stringValue.flatMap { resolve(task: $0, at: "/start_task") }
        var definitions: [TaskDefinition] = []
        definitions.reserveCapacity(tasks.count)
        for (index, task) in tasks.enumerated() {
            if let known = definition(task, at: "/tasks/\(index)", edges: edges[index]) {
                definitions.append(known)
            }
        }
        refuseCycles(edges, in: tasks)
        guard problemsFound.isEmpty, let start, let id = json["id"]?.stringValue, let name = json["name"]?.stringValue
        else { return nil }
        warnAboutUnreachable(edges, from: start)
        return Flow(id: id, name: name, definition: json, tasks: definitions, start: start)
    }

    private func withPrefix(_ violations: Violations) -> Violations {
        var prefixed = Violations()
        prefixed.append(contentsOf: violations, at: prefix)
        return prefixed
    }

    mutating func report(
        _ pointer: @autoclosure () -> String, _ message: @autoclosure () -> String, misspelt name: String? = nil,
        among known: [String] = []
    ) {
        let misspelt = problemsFound.count < FlowReader.maximumHints ? name : nil
        problemsFound.append(
            Violation(
                pointer: pointer(), message: message(),
                hint: misspelt.flatMap { Violation.didYouMean($0, among: known) }))
    }

    private mutating func readNames(_ tasks: [JSON]) {
        for (index, task) in tasks.enumerated() {
            guard let name = task["name"]?.stringValue else { continue }
            if Target.reserved[name] != nil {
                report("/tasks/\(index)/name", "'\(name)' is reserved")
            } else if positions[TextKey(name)] != nil {
                report("/tasks/\(index)/name", "another task has this name")
            } else {
                positions[TextKey(name)] = index
                names.append(name)
            }
        }
    }

    private mutating func definition(
        _ task: JSON, at pointer: @autoclosure () -> String, edges: [Edge]
    ) -> TaskDefinition? {
        if let input = task["input"] { refuseTemplates(in: input, at: [], of: "\(pointer())/input") }
        guard let name = task["name"]?.stringValue, let type = (task["type"] ?? task["name"])?.stringValue else {
            return nil
        }
        guard let known = catalog[type] else {
            report(
                pointer() + (task["type"] == nil ? "/name" : "/type"),
                task["type"] == nil ? "needs a 'type': there is no task type '\(type)'" : "no task type '\(type)'",
                misspelt: type, among: catalog.names)
            return nil
        }
        if let input = task["input"] {
            problemsFound.append(contentsOf: known.input.violations(in: input), at: "\(pointer())/input")
        }
        // Numbers outside of the schema's ranges would not be safe to convert.
        guard problemsFound.isEmpty else { return nil }
        return TaskDefinition(
            name: name, task: known, input: task["input"], retry: task["retry"].map(Retry.init) ?? .none,
            timeout: task["timeout"]?.doubleValue.map { .seconds($0) },
            maxVisits: task["max_visits"]?.integerValue.map { Int($0) }, edges: edges)
    }

    /// Rejects text with double braces: it is reserved for expressions, so that stored flows do not change their
    /// meaning when expressions are added.
    private mutating func refuseTemplates(
        in value: JSON, at path: @autoclosure () -> [JSONPointer.Token], of pointer: @autoclosure () -> String
    ) {
        switch value {
        case .string(let text) where text.utf8.contains("{{".utf8):
            report(pointer() + JSONPointer(path()).description, "templates ('{{ … }}') are not supported")
        case .array(let elements):
            for (index, element) in elements.enumerated() {
                refuseTemplates(in: element, at: path() + [.index(index)], of: pointer())
            }
        case .object(let object):
            for member in object.members {
                refuseTemplates(in: member.value, at: path() + [.name(member.name)], of: pointer())
            }
        default: break
        }
    }

    /// The edges out of each task, by the task's position. They come from the first condition that has the task as its
    /// source.
    private mutating func readConditions(_ conditions: [JSON], for taskCount: Int) -> [[Edge]] {
        var edges = [[Edge]](repeating: [], count: taskCount)
        for (index, condition) in conditions.enumerated() {
            let source = condition["source_task"]?.stringValue.flatMap {
                resolve(task: $0, at: "/conditions/\(index)/source_task")
            }
            let onMatch = resolve(targetOf: condition, "target_task_success", at: "/conditions/\(index)")
            let otherwise = resolve(targetOf: condition, "target_task_failure", at: "/conditions/\(index)")
            guard let source, let onMatch, let otherwise, let name = condition["name"]?.stringValue else { continue }
            guard edges[source].isEmpty else {
                warningsFound.append(
                    Violation(
                        pointer: "/conditions/\(index)", message: "never decides: an earlier condition of its task does"
                    ))
                continue
            }
            let outcome = condition["outcome"]?.stringValue.flatMap(StepStatus.init) ?? .success
            edges[source] = [
                Edge(condition: name, status: outcome, target: onMatch),
                Edge(condition: name, status: nil, target: otherwise),
            ]
        }
        return edges
    }

    private mutating func resolve(
        targetOf condition: JSON, _ field: String, at pointer: @autoclosure () -> String
    ) -> Target? {
        guard let name = condition[field]?.stringValue else { return nil }
        return Target.reserved[name]
            ?? resolve(task: name, or: Target.reserved.keys.sorted(by: >), at: "\(pointer())/\(field)").map(Target.task)
    }

    /// The task's position. An unknown name is reported; `others` are further candidates for the hint.
    private mutating func resolve(
        task name: String, or others: [String] = [], at pointer: @autoclosure () -> String
    ) -> Int? {
        if let position = positions[TextKey(name)] { return position }
        report(pointer(), "no task '\(name)' in this flow", misspelt: name, among: names + others)
        return nil
    }
}
