package import JSON

/// The written form of a flow: its schema, and nothing about meaning, which `FlowReader` checks.
package enum FlowFormat {
    private static let name = JSONSchema.string(minLength: 1, maxLength: 200)
    private static let description = JSONSchema.string(maxLength: 10_000)

    private static let task = JSONSchema.object(
        required: ["name": name],
        optional: [
            "description": description, "type": name, "input": .any, "retry": Retry.schema,
            "timeout": .number(0.001...31_536_000), "max_visits": .integer(1...1_000),
        ]
    ).named("FlowTask")

    private static let condition = JSONSchema.object(
        required: ["name": name, "source_task": name, "target_task_success": name, "target_task_failure": name],
        optional: ["description": description, "outcome": .string(enum: ["success", "failure"])]
    ).named("FlowCondition")

    package static let flow = JSONSchema.object(
        required: [
            "id": name, "name": name, "start_task": name, "tasks": .array(of: task, count: 1...Flow.taskLimit),
        ],
        optional: [
            "description": description, "conditions": .array(of: condition, count: 0...(4 * Flow.taskLimit)),
        ]
    ).named("Flow")

    /// A chain that every user can run as it stands.
    package static let example: JSON = [
        "id": "flow123", "name": "Data processing flow", "start_task": "task1",
        "tasks": [
            ["name": "task1", "description": "Fetch data"], ["name": "task2", "description": "Process data"],
            ["name": "task3", "description": "Store data"],
        ],
        "conditions": [
            [
                "name": "condition_task1_result", "source_task": "task1", "outcome": "success",
                "target_task_success": "task2", "target_task_failure": "end",
            ],
            [
                "name": "condition_task2_result", "source_task": "task2", "outcome": "success",
                "target_task_success": "task3", "target_task_failure": "end",
            ],
        ],
    ]
}
