package import JSON

/// The task types that flows may use, found by type or by a short name.
package struct TaskCatalog: Sendable {
    package let tasks: [any FlowTask]
    private let byName: [String: any FlowTask]

    /// `aliases` are short names of types: a flow's task without a `type` is looked up by its own name.
    package init(_ tasks: [any FlowTask], aliases: [String: String] = [:]) {
        self.tasks = tasks
        var byName: [String: any FlowTask] = [:]
        for task in tasks {
            precondition(byName.updateValue(task, forKey: task.type) == nil, "two tasks of type \(task.type)")
        }
        for (alias, type) in aliases {
            precondition(byName[type] != nil, "the alias \(alias) names no task type")
            byName[alias] = byName[type]
        }
        self.byName = byName
    }

    package subscript(name: String) -> (any FlowTask)? { byName[name] }

    /// In an order of its own, so that what they are compared with always gives the same.
    var names: [String] { byName.keys.sorted() }

    /// The items of `GET /api/task-types`.
    package var json: JSON {
        .array(
            tasks.map { task in
                [
                    "type": .string(task.type), "summary": .string(task.summary),
                    "effect": .string(task.effect.rawValue), "input": task.input.json, "output": task.output.json,
                ]
            })
    }
}
