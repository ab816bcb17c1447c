package import JSON

/// The JSON schema of a flow. It covers the form only; `FlowReader` checks the meaning.
package enum FlowFormat {
    /// The maximum length of the names in a flow, in Unicode scalars.
    package static let nameLength = 200
    private static let name = JSONSchema.string(minLength: 1, maxLength: nameLength)
    private static let description = JSONSchema.string(maxLength: 10_000).described("For readers; it has no effect")

    private static let task = JSONSchema.object(
        required: [
            "name": name.described(
                "Unique in the flow; conditions refer to the task by it. "
                    + "`end`, `END`, `END_SUCCESS` and `END_FAILED` are reserved")
        ],
        optional: [
            "description": description,
            "type": name.described(
                "A task type of `GET /api/task-types`. Default: the type that is called like the task, or else the "
                    + "demo type of that name: `task1` or `fetch_data` is `data.fetch`, `task2` or `process_data` is "
                    + "`data.process`, `task3` or `store_data` is `data.store`"),
            "input": JSONSchema.any.described(
                "The task's input, in the form that its type requires. Its strings may contain JSONPath queries "
                    + "(RFC 9535) in double braces, such as `{{ $.tasks.fetch.output.total }}`: a string that is one "
                    + "template becomes the selected value, otherwise the value is inserted as text; `\\{{` stands for "
                    + "two braces. `$` has `input`, `tasks` (each with `status`, `output`, `error` and `attempt`), "
                    + "`flow`, `execution` and `user`. Default: the output of the previous task, or after a failed one "
                    + "`{\"error\", \"input\"}` with its error and its input; for the first task, the `input` of the "
                    + "call"),
            "retry": Retry.schema,
            "timeout": JSONSchema.number(0.001...31_536_000).described(
                "Maximum duration in seconds: of each attempt, or of the whole wait of a waiting task. A task that "
                    + "takes longer fails. Default: no timeout"),
            "credential": name.described(
                "The name or id of one of your credentials, which the task sends with its call; only for types with "
                    + "`takes_credential`. Default: none"),
            "max_visits": JSONSchema.integer(1...1_000).described(
                "How often a run may enter the task; one more visit fails the run. Every cycle needs a task with this "
                    + "limit. Default: no limit"),
        ]
    ).described("One step of the chain").named("FlowTask")

    private static func target(_ when: String) -> JSONSchema {
        name.described(
            "The next task when \(when), or an end: `end` ends the run as `completed` after a success and as "
                + "`ended_early` after a failure, `END_SUCCESS` always as `completed`, `END_FAILED` always as `failed`")
    }

    private static let condition = JSONSchema.object(
        required: [
            "name": name.described("Shown with each step after which the condition decided"),
            "source_task": name.described("The task after which the condition decides"),
            "target_task_success": target("`source_task` ended with `outcome`"),
            "target_task_failure": target("`source_task` ended with the opposite of `outcome`"),
        ],
        optional: [
            "description": description,
            "when": JSONSchema.string(minLength: 1, maxLength: JSONPath.maximumLength).described(
                "A JSONPath query (RFC 9535): the condition decides if it selects a node that is neither `false` nor "
                    + "`null`, such as `$.tasks.fetch.output[?@.count > 3]`. Default: the condition decides"),
            "outcome": JSONSchema.string(enum: ["success", "failure"]).named("Outcome").described(
                "The status of `source_task` that leads to `target_task_success`. Default: success"),
        ]
    ).described("Decides what follows a task").named("FlowCondition")

    package static let flow = JSONSchema.object(
        required: [
            "id": name.described("Your own identifier of the flow; it need not be unique"),
            "name": name.described("For readers; it has no effect"),
            "start_task": name.described("The name of the task that runs first"),
            "tasks": JSONSchema.array(of: task, count: 1...Flow.taskLimit).described(
                "In any order: `start_task` and the conditions decide which task runs when"),
        ],
        optional: [
            "description": description,
            "conditions": JSONSchema.array(of: condition, count: 0...(4 * Flow.taskLimit)).described(
                "What follows each task: the first condition of the task that holds by its `when` decides. If none "
                    + "does, the run ends: as `completed` if the task succeeded, as `failed` if it failed"),
        ]
    ).described("A chain of tasks with conditions between them").named("Flow")

    /// A flow that every user can run without changes.
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
