package import JSON

extension JSON {
    /// The body of a call that runs these tasks, beginning with the first.
    package static func flow(_ tasks: [JSON], _ conditions: [JSON] = [], input: JSON = [:]) -> JSON {
        [
            "flow": [
                "id": "f", "name": "A flow", "start_task": tasks.first?["name"] ?? .null, "tasks": .array(tasks),
                "conditions": .array(conditions),
            ],
            "input": input,
        ]
    }

    /// Tasks that run in this order, whether they succeed or fail.
    package static func chain(_ tasks: [JSON], input: JSON = [:]) -> JSON {
        let names = tasks.map { $0["name"]?.stringValue ?? "" }
        return flow(tasks, zip(names, names.dropFirst()).map { condition($0, $1, $1) }, input: input)
    }

    /// A task; without `type` its name determines the type.
    package static func task(_ name: String, _ type: String? = nil, _ input: JSON? = nil) -> JSON {
        var members: JSONObject = JSONObject([.init(name: "name", value: .string(name))])
        members["type"] = type.map(JSON.string)
        members["input"] = input
        return .object(members)
    }

    /// A condition with the tasks that follow `source` after its success and after its failure.
    package static func condition(_ source: String, _ success: String, _ failure: String, outcome: String = "success")
        -> JSON
    {
        [
            "name": .string("after \(source)"), "source_task": .string(source), "outcome": .string(outcome),
            "target_task_success": .string(success), "target_task_failure": .string(failure),
        ]
    }

    /// The names of an object's members, in their order.
    package var names: [String] { objectValue?.members.map(\.name) ?? [] }

    /// The value of this member in each element.
    package func each(_ name: String) -> [JSON] { arrayValue?.map { $0[name] ?? .null } ?? [] }
}
