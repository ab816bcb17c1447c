import Flows
import HTTP
import JSON

/// The schemas of the members of runs and steps, shared by all answers that contain them.
enum ExecutionField {
    static let userID = JSONSchema.string(format: .uuid).described("The user whom the run belongs to")
    static let startedBy = JSONSchema.string(format: .uuid).described(
        "The user who started it: the owner, or an admin")
    static let startedByKey = JSONSchema.string(format: .uuid).nullable.described(
        "The API key that started it; null if none did")
    static let trigger = JSONSchema.object(
        required: [
            "type": JSONSchema.string(enum: ["schedule", "hook"]).named("TriggerType"),
            "id": JSONSchema.string(format: .uuid).described("The id of the schedule or hook"),
        ],
        optional: [
            "scheduled_at": JSONSchema.string(format: .dateTime).described("When the schedule was due"),
            "delivery_id": JSONSchema.string(maxLength: 255).nullable.described(
                "By what the sender of the hook's call identified it; null if by nothing"),
        ]
    ).named("Trigger").nullable.described("What started the run without a call of a user; null if nothing did")
    static let id = JSONSchema.string(format: .uuid)
    /// A name in a flow; empty if its record has lost it.
    private static let name = JSONSchema.string(maxLength: FlowFormat.nameLength)
    static let flowID = name.described("The `id` of the flow")
    static let flowName = name.described("The `name` of the flow")
    static let stoppedAt = name.nullable.described(
        "The task at which the run failed, ended early, expired or was canceled. Null if the run is active or "
            + "completed, and if it was ended from outside while no step was open")
    static let result = JSONSchema.any.described("The output of the last task")
    static let failure = TaskFailure.schema.nullable.described(
        "Why the run failed, expired or was canceled; else the error of its last step. A run that is active or "
            + "`completed` has one too if the last attempt failed: a retry follows, or a condition leads to "
            + "`END_SUCCESS`. Else null")
    static let creditsCharged = JSONSchema.integer.described("What the run's own steps have cost so far")
    static let totalCreditsCharged = JSONSchema.integer.described(
        "What the run has cost so far, with all runs that it led to and that are on record")
    static let workflowID = JSONSchema.string(format: .uuid).nullable.described(
        "The workflow that is run; null for a flow that the call contained")
    static let version = JSONSchema.integer.nullable.described("The version of the workflow")
    static let parentID = JSONSchema.string(format: .uuid).nullable.described("The run that started this one")
    static let createdAt = JSONSchema.string(format: .dateTime)
    static let finishedAt = JSONSchema.string(format: .dateTime).nullable.described("Null while the run is active")

    static let number = JSONSchema.integer.described("Counts the steps of a run, from 1")
    static let task = name.described("The name of the task")
    static let stepStartedAt = JSONSchema.string(format: .dateTime)
    static let stepFinishedAt = JSONSchema.string(format: .dateTime).nullable.described(
        "Null while the step is active, and if it was canceled")
    static let cost = JSONSchema.integer.described("Credits")
    static let type = name.described("The task type")
    static let input = JSONSchema.any.described("What the task was given")
    static let output = JSONSchema.any.described("What the task gave; null if it failed")
    static let error = TaskFailure.schema.nullable.described(
        "Why the last attempt failed; null if it succeeded or has not ended")
    static let attempts = JSONSchema.integer.described("How often it was tried")
    static let condition = name.nullable.described(
        "The condition that decided what followed; null if none did")
    static let next = name.nullable.described("The task that followed, or the end")
    static let duration = JSONSchema.number.described("How long it took, in milliseconds")
}

/// The schemas of the answers that contain a run.
enum ExecutionAnswer {
    static let accepted = JSONSchema.object(required: [
        "id": ExecutionField.id, "status": activeStatus,
    ]).named("AcceptedRun")

    /// Of a call after which an active run continues.
    static let continued = [
        Answer(.accepted, "The run is queued, or still active", accepted),
        Answer(.ok, "The run, which ended in time", record),
    ]

    static let forked = JSONSchema.object(required: [
        "id": .string(format: .uuid), "status": activeStatus, "forked_from": .string(format: .uuid),
        "differs": ForkDifferences.schema.described("What differs from the earlier run"),
    ]).named("ForkedRun")

    private static let activeStatus = JSONSchema.string(enum: ["queued", "running", "waiting"]).named("ActiveStatus")

    static let flow = JSONSchema.object(required: [
        "message": JSONSchema.string(maxLength: FlowFormat.nameLength + 100).described(
            "How the run ended, for people"),
        "execution_id": ExecutionField.id.described("The run's id: `GET /api/executions/{id}` reads it"),
        "id": ExecutionField.id.described("The same as `execution_id`"),
        "flow_id": ExecutionField.flowID, "flow_name": ExecutionField.flowName,
        "status": .string(enum: ["completed", "ended_early", "failed", "canceled", "expired"]).named("FinalStatus"),
        "stopped_at": ExecutionField.stoppedAt, "result": ExecutionField.result,
        "error": ExecutionField.failure, "credits_charged": ExecutionField.creditsCharged,
        "total_credits_charged": ExecutionField.totalCreditsCharged,
        "duration_ms": ExecutionField.duration, "created_at": ExecutionField.createdAt,
        "finished_at": ExecutionField.createdAt,
        "executed_tasks": JSONSchema.array(of: executedTask).described("In the order in which they ran"),
    ]).named("FlowAnswer")

    /// A run with all its steps.
    static let record = JSONSchema.object(required: [
        "id": ExecutionField.id, "user_id": ExecutionField.userID, "started_by": ExecutionField.startedBy,
        "started_by_key": ExecutionField.startedByKey, "trigger": ExecutionField.trigger,
        "flow_id": ExecutionField.flowID, "flow_name": ExecutionField.flowName, "status": ExecutionStatus.schema,
        "stopped_at": ExecutionField.stoppedAt,
        "input": JSONSchema.any.described("What the run was started with"), "result": ExecutionField.result,
        "error": ExecutionField.failure,
        "workflow_id": ExecutionField.workflowID, "version": ExecutionField.version,
        "parent_id": ExecutionField.parentID,
        "forked_from": JSONSchema.string(format: .uuid).nullable.described(
            "The run from which steps were taken over; the header `Link` leads to a comparison with it"),
        "differs": ForkDifferences.schema.nullable.described(
            "What differs from the run `forked_from`; null if it is no fork"),
        "credits_charged": ExecutionField.creditsCharged,
        "total_credits_charged": ExecutionField.totalCreditsCharged,
        "steps": JSONSchema.array(of: step).described("In the order in which they ran"),
        "created_at": ExecutionField.createdAt, "finished_at": ExecutionField.finishedAt,
    ]).named("Execution")

    private static let executedTask = JSONSchema.object(required: [
        "number": ExecutionField.number, "task_name": ExecutionField.task.described("The same as `task`"),
        "task": ExecutionField.task, "type": ExecutionField.type, "status": StepStatus.schema,
        "attempt": JSONSchema.integer.described("The same as `attempts`"), "attempts": ExecutionField.attempts,
        "data": JSONSchema.any.described("The same as `output`"), "output": ExecutionField.output,
        "error": ExecutionField.error, "condition": ExecutionField.condition, "next": ExecutionField.next,
        "started_at": ExecutionField.stepStartedAt, "finished_at": ExecutionField.stepFinishedAt,
        "duration_ms": ExecutionField.duration, "cost": ExecutionField.cost,
    ]).named("ExecutedTask")

    private static let step = JSONSchema.object(required: [
        "number": ExecutionField.number, "task": ExecutionField.task, "type": ExecutionField.type,
        "status": StepStatus.schema, "attempts": ExecutionField.attempts, "input": ExecutionField.input,
        "output": ExecutionField.output, "error": ExecutionField.error, "condition": ExecutionField.condition,
        "next": ExecutionField.next,
        "started_at": ExecutionField.stepStartedAt, "finished_at": ExecutionField.stepFinishedAt,
        "started_ms": JSONSchema.number.described(
            "When it began, in milliseconds after the run; negative for a step that a fork took over"),
        "duration_ms": ExecutionField.duration, "cost": ExecutionField.cost,
        "superseded": JSONSchema.boolean.described("Whether a later step repeated it, after a resume"),
        "copied": JSONSchema.boolean.described(
            "Whether a fork took it over from the run `forked_from`, free of charge"),
    ]).named("Step")
}

/// What differs between a fork and the run that it repeats.
enum ForkDifferences {
    static let schema = JSONSchema.object(required: [
        "step": JSONSchema.integer.described("The number of the step that runs again"),
        "input": JSONSchema.boolean.described("Whether the step's input differs"),
        "version": JSONSchema.object(required: ["from": .integer, "to": .integer]).named("VersionChange").nullable
            .described("The versions of the workflow; null if they are equal"),
    ]).named("ForkDifferences")
}

extension ExecutionStatus {
    static let schema = JSONSchema.string(enum: allCases.map(\.rawValue)).described(
        "`queued`: waits for a worker. `running`: is being executed. `waiting`: for a time, a signal, a retry or other "
            + "runs. `completed`: reached its end, or `END_SUCCESS` after a failed task. "
            + "`ended_early`: a condition ended it after a failed task. `failed`: "
            + "a task failed without a condition for it, or with one that says so. `canceled`: by a caller. "
            + "`expired`: it had lasted longer than a run may."
    ).named("ExecutionStatus")
}

extension StepStatus {
    static let schema = JSONSchema.string(enum: allCases.map(\.rawValue)).named("StepStatus")
}

extension TaskFailure {
    static let schema = JSONSchema.object(
        required: [
            "code": JSONSchema.string(maxLength: 100).described("What happened, for programs"),
            "message": JSONSchema.string(maxLength: maximumLength + 1).described("What happened, for people"),
        ],
        optional: [
            "failures": JSONSchema.array(of: FailedRun.schema, count: 0...FailedRun.maximumInErrors).described(
                "The first runs that failed, of a step that started several"),
            "details": JSONSchema.any.described(
                "More about what happened: of `http_status`, the `status` and the first 2 KiB of the `body`"),
        ]
    ).named("TaskError")
}
