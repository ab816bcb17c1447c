package import JSON
import System

/// Parses and validates a flow, and reports all problems at once.
///
/// The JSON pointers of problems begin with `prefix`. The hint for a misspelt name is the most similar known name.
/// Mistakes are problems of a flow that can run, but only to a failure: a new flow is refused for them, a stored one is
/// not. Warnings concern parts of a valid flow that are never executed.
package struct FlowReader {
    /// The maximum number of problems with a hint: the search through a thousand names takes milliseconds.
    private static let maximumHints = 20

    package var problems: Violations { withPrefix(problemsFound) }
    package var mistakes: Violations { withPrefix(mistakesFound) }
    /// Problems and mistakes.
    package var problemsOfNewFlow: Violations {
        var all = problems
        all.append(contentsOf: mistakes)
        return all
    }
    package var warnings: Violations { withPrefix(warningsFound) }
    /// Problems, mistakes and warnings, with pointers relative to the flow.
    var problemsFound: Violations = []
    var mistakesFound: Violations = []
    var warningsFound: Violations = []
    let catalog: TaskCatalog
    private let prefix: String
    /// The names of the tasks in order, and the position of each name.
    private var names: [String] = []
    private var positions: [TextKey: Int] = [:]
    /// The queries of the flow.
    var queries: [PlacedQuery] = []

    /// A query, and which task it belongs to.
    struct PlacedQuery {
        let query: JSONPath
        let pointer: String
        /// The position of the task in which it is, or that its condition follows.
        let task: Int
        /// Whether the task has ended when the query is evaluated.
        let isAfterTask: Bool
    }

    package init(catalog: TaskCatalog, prefix: String = "/flow") {
        self.catalog = catalog
        self.prefix = prefix
    }

    /// Returns the flow, or nil if it is invalid; `problems` then lists the reasons. `json` may be any value.
    ///
    /// - Parameter passesErrors: false for flows that were stored by earlier releases.
    package mutating func read(_ json: JSON, passesErrors: Bool = true) -> Flow? {
        problemsFound = FlowFormat.flow.violations(in: json)
        let tasks = json["tasks"]?.arrayValue ?? []
        guard tasks.count <= Flow.taskLimit else { return nil }
        readNames(tasks)
        let conditions = readConditions(json["conditions"]?.arrayValue ?? [], for: tasks.count)
        let start = json["start_task"]?.stringValue.flatMap { resolve(task: $0, at: "/start_task") }
        var definitions: [TaskDefinition] = []
        definitions.reserveCapacity(tasks.count)
        for (index, task) in tasks.enumerated() {
            if let known = definition(task, index, conditions: conditions[index]) { definitions.append(known) }
        }
        let successors = conditions.map { Array($0.successors) }
        refuseCycles(successors, in: tasks)
        let references = readReferences(successors)
        guard problemsFound.isEmpty, let start, let id = json["id"]?.stringValue, let name = json["name"]?.stringValue
        else { return nil }
        warnAboutUnreachable(successors, from: start)
        return Flow(
            id: id, name: name, definition: json, tasks: definitions, start: start, references: references,
            passesErrors: passesErrors)
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

    private mutating func definition(_ task: JSON, _ index: Int, conditions: [Condition]) -> TaskDefinition? {
        let pointer = "/tasks/\(index)"
        let type = (task["type"] ?? task["name"])?.stringValue
        let known = type.flatMap { catalog[$0] }
        let input = readInput(task["input"], for: known, of: index, at: "\(pointer)/input")
        guard let name = task["name"]?.stringValue, let type else { return nil }
        guard let known else {
            report(
                pointer + (task["type"] == nil ? "/name" : "/type"),
                task["type"] == nil ? "needs a 'type': there is no task type '\(type)'" : "no task type '\(type)'",
                misspelt: type, among: catalog.names)
            return nil
        }
        if task["credential"] != nil, !known.takesCredential {
            report("\(pointer)/credential", "the task type '\(known.type)' takes no credential")
        }
        if let input { check(input, for: known, at: "\(pointer)/input") }
        requireLiterals(of: known, input, at: pointer)
        // Numbers outside of the schema's ranges would not be safe to convert.
        guard problemsFound.isEmpty else { return nil }
        return TaskDefinition(
            name: name, task: known, input: input, retry: task["retry"].map(Retry.init) ?? .none,
            timeout: task["timeout"]?.doubleValue.map { .seconds($0) },
            credential: task["credential"]?.stringValue, maxVisits: task["max_visits"]?.integerValue.map { Int($0) },
            conditions: conditions)
    }

    /// Reports queries where the task needs what the flow itself says.
    private mutating func requireLiterals(of task: any FlowTask, _ input: TaskInput?, at pointer: String) {
        guard !task.literals.isEmpty else { return }
        guard let input else {
            return report(pointer, "needs an 'input', with a literal '\(task.literals[0])'")
        }
        for path in input.queriedPaths {
            if case .name(let name)? = path.first, !task.literals.contains(name) { continue }
            report("\(pointer)/input\(JSONPointer(path).description)", "must be literal, without templates")
        }
    }

    /// The conditions of each task, by the task's position.
    private mutating func readConditions(_ conditions: [JSON], for taskCount: Int) -> [[Condition]] {
        var ofTask = [[Condition]](repeating: [], count: taskCount)
        for (index, condition) in conditions.enumerated() {
            let pointer = "/conditions/\(index)"
            let source = condition["source_task"]?.stringValue.flatMap {
                resolve(task: $0, at: "\(pointer)/source_task")
            }
            let onMatch = resolve(targetOf: condition, "target_task_success", at: pointer)
            let otherwise = resolve(targetOf: condition, "target_task_failure", at: pointer)
            let when = condition["when"]?.stringValue.flatMap { query($0, after: source, at: "\(pointer)/when") }
            guard let source, let onMatch, let otherwise, let name = condition["name"]?.stringValue else { continue }
            guard ofTask[source].last.map({ $0.when != nil }) ?? true else {
                warningsFound.append(
                    Violation(pointer: pointer, message: "never decides: an earlier condition of its task does"))
                continue
            }
            ofTask[source].append(
                Condition(
                    name: name, when: when,
                    outcome: condition["outcome"]?.stringValue.flatMap(StepStatus.init) ?? .success,
                    onMatch: onMatch, otherwise: otherwise))
        }
        return ofTask
    }

    /// The query of a condition that belongs to the task; nil, which is reported, if it is not valid.
    ///
    /// - Parameter isAfterTask: whether the condition follows the task.
    mutating func query(
        _ text: String, after task: Int?, at pointer: String, isAfterTask: Bool = true
    ) -> JSONPath? {
        do {
            let query = try JSONPath(parsing: text)
            if let task {
                queries.append(PlacedQuery(query: query, pointer: pointer, task: task, isAfterTask: isAfterTask))
            }
            return query
        } catch {
            report(pointer, "is not a JSONPath query: \(error)")
            return nil
        }
    }

    /// What the queries see. Reports names of tasks that the flow does not have, or that cannot have run.
    private mutating func readReferences(_ successors: [[Int]]) -> References {
        var references = References(taskCount: successors.count)
        var reached: [Int: [Bool]] = [:]
        for placed in queries {
            references.add(placed.query, positions)
            for case .one(let name)? in placed.query.allLeadingNames.map({ TaskReference($0) }) {
                guard let position = resolve(task: name, at: placed.pointer) else { continue }
                if placed.isAfterTask, position == placed.task { continue }
                let isReached = reached[position] ?? self.reached(from: position, successors)
                reached[position] = isReached
                guard !isReached[placed.task] else { continue }
                report(placed.pointer, "the task '\(name)' cannot have run before this")
            }
        }
        return references
    }

    private mutating func resolve(targetOf condition: JSON, _ field: String, at pointer: String) -> Target? {
        guard let name = condition[field]?.stringValue else { return nil }
        return Target.reserved[name]
            ?? resolve(task: name, or: Target.reserved.keys.sorted(by: >), at: "\(pointer)/\(field)").map(Target.task)
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
