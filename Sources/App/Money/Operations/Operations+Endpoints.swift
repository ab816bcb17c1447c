import Crypto
import Flows
import HTTP
import JSON
import Postgres

extension Endpoint<Context> {
    static let operations: [Endpoint] = [listOperations, operation, changeOperation, runOperation]

    private static let typeParameter = Parameter("type", Operation.typeSchema, "The operation's name")
    private static let addition = ["type": "addition"]

    private static let listOperations = Endpoint(
        .get, "/api/operations", operation: "listOperations", tag: .operations, access: .user,
        summary: "List the operations with their costs",
        answers: [Answer(.ok, "All operations, in one page", .list(of: Operation.schema))]
    ) { context in
        let prices = try context.prices
        let items = Operation.all.map { $0.json(context.services.engine.catalog, prices.price(of: $0.taskType)) }
        return .json(["items": .array(items), "next_cursor": .null])
    }

    private static let operation = Endpoint(
        .get, "/api/operations/{type}", operation: "getOperation", tag: .operations, access: .user,
        summary: "Read an operation with its cost", parameters: [typeParameter],
        answers: [Answer(.ok, "The operation", Operation.schema)],
        examples: [Example("Read an operation", path: addition)]
    ) { context in
        let operation = try named(context)
        return .json(operation.json(context.services.engine.catalog, try context.prices.price(of: operation.taskType)))
    }

    private static let changeOperation = Endpoint(
        .patch, "/api/operations/{type}", operation: "updateOperation", tag: .operations, access: .admin,
        summary: "Change an operation's cost, or activate or deactivate it",
        description: """
            The same price applies to its task type in flows. The change takes effect within a second. Fields that the \
            body does not name keep their values.
            """,
        parameters: [typeParameter], body: .json(change.schema),
        answers: [Answer(.ok, "The operation", Operation.schema)],
        examples: [Example("Change an operation's cost", path: addition, body: ["cost": 5])]
    ) { context in
        let operation = try named(context)
        let catalog = context.services.engine.catalog
        try change.check(
            context.input, against: operation.json(catalog, try context.prices.price(of: operation.taskType)))
        return .json(operation.json(catalog, try changePrice(of: operation.taskType, context)))
    }

    private static let change = priceChange(of: Operation.schema, named: "OperationChange")

    private static let runOperation = Endpoint(
        .post, "/api/operations/{type}/run", operation: "runOperation", tag: .operations, access: .user,
        scope: .run, summary: "Run an operation, pay for it, and keep a record",
        description: """
            `square_root` takes one number, `division` takes two, `random_string` takes the length of the text, and \
            the others take up to 1,000 numbers. A calculation that fails is answered 422 with a code of its own, such \
            as `division_by_zero`: it costs nothing and leaves no record.
            """,
        parameters: [typeParameter],
        body: .json(
            .object(
                required: [
                    "arguments": JSONSchema.array(of: .number, count: 0...1_000).described(
                        "The numbers to calculate with; for `random_string` its length, in their order")
                ]
            ).named("OperationCall")),
        idempotency: .byHandler,
        answers: [
            Answer(
                .ok, "The result",
                JSONSchema.object(required: [
                    "result": JSONSchema.any.described("A number, or the text of `random_string`"),
                    "user_balance": JSONSchema.integer.described("Your available credits after it"),
                    "record_id": .string(format: .uuid),
                ]).named("OperationResult")),
            Answer(
                .accepted, "An earlier call with this `Idempotency-Key` is still in progress",
                ExecutionAnswer.accepted),
        ],
        problems: [.insufficientCredits, .operationInactive, .quotaExceeded],
        examples: [
            Example("Add numbers", path: addition, body: ["arguments": [1, 2]], stores: ["record_id": "/record_id"]),
            Example(
                "Divide by zero", path: ["type": "division"], body: ["arguments": [1, 0]], status: .unprocessable),
        ]
    ) { context in
        let key = context.idempotencyKey
        if let answer = try key?.answer(of: context.earlier, on: context.connection) { return answer }
        do {
            return try Purchase(of: try named(context), context).made(context, with: key)
        } catch let problem as Problem where IdempotencyKey.stores(problem.status) {
            context.connection.rollback()
            try key?.storeRefusal(problem, on: context.connection)
            throw problem
        } catch is IdempotencyKey.Claimed {
            context.connection.rollback()
            return try key?.replay(on: context.connection) ?? .noContent
        }
    }

    private static func named(_ context: Context) throws -> Operation {
        guard let operation = Operation.all.first(where: { $0.type == context.path("type") }) else {
            throw Problem.notFound
        }
        return operation
    }
}
