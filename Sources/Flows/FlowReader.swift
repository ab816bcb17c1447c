package import JSON

/// Reads a flow and finds everything that is wrong with it, all at once.
///
/// Problems have JSON pointers from `prefix` on and, for a misspelt name, the nearest one as a hint. Warnings are
/// about a flow that runs but holds parts which never will.
package struct FlowReader {
    /// As many problems are reported; a flow with more was not written for this program.
    static let mostProblems = 100
    /// So many of them may get a hint: looking through a thousand names takes milliseconds.
    private static let mostHints = 20

    package private(set) var problems: [Violation] = []
    package private(set) var warnings: [Violation] = []
    private let catalog: TaskCatalog
    private let prefix: String
    /// Of the tasks, in their order, and where each stands.
    private var names: [String] = []
    private var positions: [String: Int] = [:]

    package init(catalog: TaskCatalog, prefix: String = "/flow") {
        self.catalog = catalog
        self.prefix = prefix
    }

    /// The flow, or nil when `problems` says why not. The value may have any shape.
    package mutating func read(_ json: JSON) -> Flow? {
        problems = FlowFormat.flow.violations(in: json).map {
            Violation(pointer: prefix + $0.pointer, message: $0.message, hint: $0.hint)
        }
        let tasks = json["tasks"]?.arrayValue ?? []
        guard tasks.count <= Flow.taskLimit else { return nil }
        readNames(tasks)
        let conditions = readConditions(json["conditions"]?.arrayValue ?? [])
        let start = json["start_task"]?.stringValue.flatMap { resolve(task: $0, at: "\(prefix)/start_task") }
        let definitions = tasks.enumerated().map { index, task in
            definition(task, at: "\(prefix)/tasks/\(index)", condition: conditions[index])
        }
        refuseCycles(conditions)
        guard problems.isEmpty, let start, let id = json["id"]?.stringValue, let name = json["name"]?.stringValue
        else { return nil }
        warnAboutUnreachable(tasks, conditions, from: start)
        return Flow(id: id, name: name, definition: json, tasks: definitions.compactMap(\.self), start: start)
    }

    private mutating func report(
        _ pointer: String, _ message: String, misspelt name: String? = nil, among known: [String] = []
    ) {
        guard problems.count < FlowReader.mostProblems else { return }
        let hint = problems.count < FlowReader.mostHints ? name.flatMap { Violation.didYouMean($0, among: known) } : nil
        problems.append(Violation(pointer: pointer, message: message, hint: hint))
    }

    private mutating func readNames(_ tasks: [JSON]) {
        for (index, task) in tasks.enumerated() {
            guard let name = task["name"]?.stringValue else { continue }
            let pointer = "\(prefix)/tasks/\(index)/name"
            if Target.reserved[name] != nil {
                report(pointer, "'\(name)' is reserved")
            } else if positions[name] != nil {
                report(pointer, "another task has this name")
            } else {
                positions[name] = index
                names.append(name)
            }
        }
    }

    private mutating func definition(_ task: JSON, at pointer: String, condition: Condition?) -> TaskDefinition? {
        if let input = task["input"] { refuseTemplates(in: input, at: "\(pointer)/input") }
        guard let name = task["name"]?.stringValue, let type = (task["type"] ?? task["name"])?.stringValue else {
            return nil
        }
        guard let known = catalog[type] else {
            report(
                pointer + (task["type"] == nil ? "/name" : "/type"), "no task type '\(type)'",
                misspelt: type, among: catalog.names)
            return nil
        }
        if let input = task["input"] {
            let room = FlowReader.mostProblems - problems.count
            problems += known.input.violations(in: input).prefix(room).map {
                Violation(pointer: "\(pointer)/input\($0.pointer)", message: $0.message, hint: $0.hint)
            }
        }
        return TaskDefinition(name: name, task: known, input: task["input"], condition: condition)
    }

    /// Text in double braces is kept free for expressions, so that no stored flow changes its meaning later.
    private mutating func refuseTemplates(in value: JSON, at pointer: String) {
        switch value {
        case .string(let text) where text.contains("{{"):
            report(pointer, "templates ('{{ … }}') are not supported")
        case .array(let elements):
            for (index, element) in elements.enumerated() { refuseTemplates(in: element, at: "\(pointer)/\(index)") }
        case .object(let object):
            for member in object.members {
                refuseTemplates(
                    in: member.value, at: pointer + JSONPointer(arrayLiteral: .name(member.name)).description)
            }
        default: break
        }
    }

    /// The condition that decides after each task: the first one with that source.
    private mutating func readConditions(_ conditions: [JSON]) -> [Int: Condition] {
        var deciding: [Int: Condition] = [:]
        for (index, condition) in conditions.enumerated() {
            let pointer = "\(prefix)/conditions/\(index)"
            let source = condition["source_task"]?.stringValue.flatMap {
                resolve(task: $0, at: pointer + "/source_task")
            }
            let onMatch = resolve(targetOf: condition, "target_task_success", at: pointer)
            let otherwise = resolve(targetOf: condition, "target_task_failure", at: pointer)
            guard let source, let onMatch, let otherwise, let name = condition["name"]?.stringValue else { continue }
            guard deciding[source] == nil else {
                warnings.append(
                    Violation(pointer: pointer, message: "never decides: an earlier condition of its task does"))
                continue
            }
            let outcome = condition["outcome"]?.stringValue.flatMap(StepStatus.init) ?? .success
            deciding[source] = Condition(name: name, outcome: outcome, onMatch: onMatch, otherwise: otherwise)
        }
        return deciding
    }

    private mutating func resolve(targetOf condition: JSON, _ field: String, at pointer: String) -> Target? {
        guard let name = condition[field]?.stringValue else { return nil }
        return Target.reserved[name] ?? resolve(task: name, at: "\(pointer)/\(field)").map(Target.task)
    }

    private mutating func resolve(task name: String, at pointer: String) -> Int? {
        if let position = positions[name] { return position }
        report(pointer, "no task '\(name)' in this flow", misspelt: name, among: names)
        return nil
    }
}

extension FlowReader {
    /// A cycle would run for ever: refused, named by its first task in the order of the flow.
    private mutating func refuseCycles(_ conditions: [Int: Condition]) {
        var firsts: Set<Int> = []
        var finished: Set<Int> = []
        for start in conditions.keys.sorted() where !finished.contains(start) {
            var path: Set<Int> = [start]
            var stack: [(task: Int, rest: [Int])] = [(start, successors(of: start, conditions))]
            while let (task, rest) = stack.popLast() {
                guard let next = rest.first else {
                    path.remove(task)
                    finished.insert(task)
                    continue
                }
                stack.append((task, Array(rest.dropFirst())))
                if path.contains(next) {
                    let cycle = stack.map(\.task).drop { $0 != next }
                    firsts.insert(cycle.min() ?? next)
                } else if !finished.contains(next) {
                    path.insert(next)
                    stack.append((next, successors(of: next, conditions)))
                }
            }
        }
        for task in firsts.sorted() { report("\(prefix)/tasks/\(task)", "is on a cycle") }
    }

    private func successors(of task: Int, _ conditions: [Int: Condition]) -> [Int] {
        guard let condition = conditions[task] else { return [] }
        return [condition.onMatch, condition.otherwise].compactMap {
            if case .task(let next) = $0 { next } else { nil }
        }
    }

    private mutating func warnAboutUnreachable(_ tasks: [JSON], _ conditions: [Int: Condition], from start: Int) {
        var reached: Set<Int> = [start]
        var open = [start]
        while let task = open.popLast() {
            open += successors(of: task, conditions).filter { reached.insert($0).inserted }
        }
        for index in tasks.indices where !reached.contains(index) {
            warnings.append(Violation(pointer: "\(prefix)/tasks/\(index)", message: "is never reached"))
        }
    }
}
