package import JSON

/// The task types that flows may use, by type or by alias.
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

    /// The types with steps that wait for a signal.
    package var signaledTypes: [String] { tasks.filter { ($0 as? any WaitingTask)?.takesSignal == true }.map(\.type) }

    /// Sorted, so that the hint for a misspelt name is always the same.
    var names: [String] { byName.keys.sorted() }

    /// The items of `GET /api/task-types`.
    package func json(_ prices: PriceList) -> JSON { .array(tasks.map { $0.json(prices.price(of: $0.type)) }) }
}

extension FlowTask {
    /// The task as an item of the catalog.
    package func json(_ price: Price) -> JSON {
        [
            "type": .string(type), "summary": .string(summary), "effect": .string(effect.rawValue),
            "cost": .integer(price.cost), "active": .bool(price.isActive && unavailableBecause == nil),
            "takes_credential": .bool(takesCredential), "input": input.json, "output": output.json,
        ]
    }
}
