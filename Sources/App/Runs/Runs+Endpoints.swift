import Crypto
import Flows
import HTTP
import JSON

extension Endpoint<Context> {
    static let runs: [Endpoint] = [run, validate, taskTypes]

    private static let run = Endpoint(
        .post, "/flow-manager", access: .user, scope: .run, summary: "Run a chain of tasks now and get its result",
        body: .json(callBody), idempotency: .byHandler,
        answers: [
            Answer(.ok, "The chain ran to an end it was built for", Execution.flowAnswer),
            Answer(.accepted, "An earlier call with this Idempotency-Key is still running"),
            Answer(
                .unprocessable, "The chain failed, or is not valid", .anyOf([Execution.flowAnswer, Problem.schema])),
        ]
    ) { context in
        let key = context.idempotencyKey
        if let answer = try key?.earlierAnswer(on: context.connection) { return answer }
        let executionID = UUIDv7.make()
        do {
            let (flow, _) = try readFlow(context)
            let execution = try Runner.run(
                flow, input: context.input["input"] ?? .object(JSONObject()), executionID: executionID,
                userID: context.user.id, on: context.connection,
                with: key?.companion(executionID: executionID, answer: answer))
            return answer(execution)
        } catch let problem as Problem where IdempotencyKey.keeps(problem.status) {
            try key?.keepRefusal(problem, on: context.connection)
            throw problem
        } catch is IdempotencyKey.Claimed {
            return try key?.replay(on: context.connection) ?? .noContent
        }
    }

    private static let validate = Endpoint(
        .post, "/api/flows/validate", access: .user, scope: .run, summary: "Check a flow without running it",
        body: .json(callBody), idempotency: .wholeCall,
        answers: [
            Answer(
                .ok, "The flow is valid",
                .object(required: [
                    "valid": .constant(true), "task_count": .integer,
                    "warnings": .array(of: .object(required: ["pointer": .string, "message": .string])),
                ]))
        ]
    ) { context in
        let (flow, warnings) = try readFlow(context)
        return .json([
            "valid": true, "task_count": JSON(flow.taskCount),
            "warnings": .array(warnings.map { ["pointer": .string($0.pointer), "message": .string($0.message)] }),
        ])
    }

    private static let taskTypes = Endpoint(
        .get, "/api/task-types", access: .everyone, summary: "The task types that flows may use",
        answers: [
            Answer(
                .ok, "The catalog",
                ListQuery.schema(
                    of: .object(required: [
                        "type": .string, "summary": .string, "effect": .string(enum: ["pure", "transactional"]),
                        "input": .any, "output": .any,
                    ])))
        ]
    ) { context in
        .json(["items": context.services.tasks.json, "next_cursor": .null])
    }

    private static func answer(_ execution: Execution) -> Response {
        .json(execution.flowAnswer, status: execution.status == .failed ? .unprocessable : .ok)
    }

    /// Only the frame is checked with the body: the flow itself is read by `FlowReader`, which reports what is
    /// wrong with its form and its meaning together.
    private static let callBody = JSONSchema.object(
        required: ["flow": .unchecked(FlowFormat.flow)], optional: ["input": .any]
    ).example(["flow": FlowFormat.example]).named("FlowCall")

    private static func readFlow(_ context: Context) throws -> (Flow, warnings: [Violation]) {
        var reader = FlowReader(catalog: context.services.tasks)
        guard let flow = reader.read(context.input["flow"] ?? .null) else { throw Problem.invalid(reader.problems) }
        return (flow, reader.warnings)
    }
}
