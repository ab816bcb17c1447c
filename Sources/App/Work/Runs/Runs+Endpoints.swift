import Crypto
import Flows
import HTTP
import JSON
import Postgres

extension Endpoint<Context> {
    static let runs: [Endpoint] = [run, validate, taskTypes]

    private static let run = Endpoint(
        .post, "/flow-manager", operation: "runFlow", tag: .flows, access: .user, scope: .run,
        summary: "Run a chain of tasks and get its result",
        description: """
            The flow is checked as a whole before its first task runs. A chain that has to wait (`wait`, `approval`,
            `flow.run`, `map`, a retry) is carried out by a worker: the call waits for its end, up to 50 seconds or as
            long as `Prefer: wait` says, and answers 202 with the run's address if it is still active then. With
            `Prefer: respond-async` every chain is queued, and the call answers 202 at once.
            """,
        body: .json(callBody), idempotency: .byHandler, waits: true,
        answers: [
            Answer(.ok, "The run ended as `completed` or `ended_early`", ExecutionAnswer.flow),
            Answer(.accepted, "The run is still active", ExecutionAnswer.accepted),
            Answer(.unprocessable, "A task failed and the chain ended with it", ExecutionAnswer.flow),
        ],
        problems: [.insufficientCredits, .tooManyRuns, .tooManyDocuments, .quotaExceeded], examples: runExamples
    ) { context in
        try context.launchingOnce(answer: answer) {
            try context.checkStorage()
            let user = try context.user
            let plan = try context.plan(context.input["flow"] ?? .null, isNew: true, for: user.id)
            let execution = try Execution(
                id: UUIDv7.make(), userID: user.id, flow: plan.flow.definition,
                input: context.input["input"] ?? .object(JSONObject()), starter: context.starter(ofRunOf: user.id))
            if !context.respondsAtOnce, let reply = try run(execution, plan, context) { return reply }
            try context.launch(execution, plan)
            return try later(execution, context)
        }
    }

    /// Executes the flow on this thread, until the run ends or has to wait; returns nil if a worker is to execute it.
    private static func run(_ execution: Execution, _ plan: Engine.Plan, _ context: Context) throws -> Reply? {
        let hooks = context.idempotencyKey?.hooks(executionID: execution.id)
        do {
            return try context.launching { engine in
                try engine.call(execution, plan, on: context.connection, with: hooks) { outcome -> Reply in
                    switch outcome {
                    case .ended(let ended, let outputs): .response(ended.answer(outputs))
                    case .waits(let waiting): try later(waiting, context)
                    }
                }
            }
        } catch is Fenced {
            // The run was canceled, or a worker claimed it because this process was too slow. Its record has the state.
            let found = try ShownExecution.find(execution.id, of: execution.userID, on: context.connection)?
                .execution
            guard let found, found.status.isEnd else { return try later(execution, context) }
            return .response(found.answer)
        }
    }

    /// The answer at the end of the run if the caller waits that long, otherwise 202 with the run's address.
    private static func later(_ execution: Execution, _ context: Context) throws -> Reply {
        let fallback = Execution.accepted(execution.id, execution.status == .running ? .queued : execution.status)
        return try context.reply(
            whenEnded: execution.id, defaultSeconds: Context.maximumWait, fallback: fallback, answer: answer)
    }

    private static let answer: Context.RunAnswer = { run in
        run.execution.status.isEnd ? run.execution.answer : run.execution.accepted
    }

    private static let runExamples = [
        Example(
            "Run the demo chain", body: ["flow": FlowFormat.example, "input": [:]],
            stores: ["execution_id": "/execution_id"]),
        Example(
            "Run a flow that waits for an approval", headers: ["Prefer": "wait=2"],
            body: [
                "flow": [
                    "id": "approval", "name": "Ask first", "start_task": "ask",
                    "tasks": [
                        ["name": "ask", "type": "approval", "input": ["message": "Store the result?"]],
                        ["name": "store", "type": "data.store"],
                    ],
                    "conditions": [
                        [
                            "name": "approved", "source_task": "ask", "target_task_success": "store",
                            "target_task_failure": "END_FAILED",
                        ]
                    ],
                ]
            ], status: .accepted, stores: ["approval_execution_id": "/id"]),
        Example(
            "Run a flow that takes an hour, without waiting for it", headers: ["Prefer": "wait=0"],
            body: [
                "flow": [
                    "id": "pause", "name": "Pause", "start_task": "pause",
                    "tasks": [["name": "pause", "type": "wait", "input": ["seconds": 3600]]], "conditions": [],
                ]
            ], status: .accepted, stores: ["waiting_execution_id": "/id"]),
    ]

    private static let validate = Endpoint(
        .post, "/api/flows/validate", operation: "validateFlow", tag: .flows, access: .user, scope: .run,
        summary: "Check a flow without running it",
        description: """
            Reports all problems at once, and what a run may cost at most, with those that its steps start. It warns
            about tasks that are never reached, about times in the past, and about a run that may become too large.
            """,
        body: .json(callBody), idempotency: .wholeCall, rateClass: .read,
        answers: [
            Answer(
                .ok, "The flow is valid",
                JSONSchema.object(
                    required: [
                        "valid": .constant(true), "task_count": .integer,
                        "max_cost": JSONSchema.integer.nullable.described(
                            "Credits that a run costs at most, with the runs that it starts; null if not known"),
                        "unbounded_because": Violation.textSchema.nullable.described(
                            "Why `max_cost` is null; it names the task. Else null"),
                        "warnings": .array(
                            of: JSONSchema.object(required: [
                                "pointer": Violation.pointerSchema, "message": Violation.textSchema,
                            ])
                            .named("FlowWarning"),
                            count: 0...Violations.maximumCount),
                    ],
                    optional: [
                        "warnings_omitted": JSONSchema.integer.described("How many warnings `warnings` leaves out")
                    ]
                ).named("FlowValidation"))
        ],
        examples: [Example("Check the demo chain", body: ["flow": FlowFormat.example])]
    ) { context in
        let plan = try context.plan(context.input["flow"] ?? .null, isNew: true, for: context.user.id)
        var warnings = plan.warnings
        warnings.append(contentsOf: context.services.engine.inputWarnings(plan, now: context.now * 1_000))
        let tooLarge = try context.services.engine.sizeWarning(plan, of: context.user.id, on: context.connection)
        if let tooLarge { warnings.append(tooLarge) }
        return .json(
            JSON(object: { answer in
                answer.member("valid", true)
                answer.member("task_count", JSON(plan.flow.taskCount))
                answer.member("max_cost", plan.unboundedBecause == nil ? .integer(plan.maxCost) : .null)
                answer.member("unbounded_because", JSON(plan.unboundedBecause))
                answer.member(
                    "warnings",
                    .array(warnings.map { ["pointer": .string($0.pointer), "message": .string($0.message)] }))
                if warnings.omitted > 0 { answer.member("warnings_omitted", JSON(warnings.omitted)) }
            }))
    }

    private static let taskTypes = Endpoint(
        .get, "/api/task-types", operation: "listTaskTypes", tag: .flows, access: .everyone,
        summary: "List the task types that flows may use",
        answers: [Answer(.ok, "All task types", .list(of: TaskCatalog.schema))]
    ) { context in
        .json(["items": context.services.engine.catalog.json(try context.prices), "next_cursor": .null])
    }

    /// This schema does not validate the flow: `FlowReader` does, which reports errors in its form and its meaning
    /// together.
    private static let callBody = JSONSchema.object(
        required: ["flow": .unchecked(FlowFormat.flow)],
        optional: ["input": JSONSchema.any.described("The input of the first task, if that has no `input`")]
    ).named("FlowCall")
}
