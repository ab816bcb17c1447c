import Crypto
import Flows
import HTTP
import JSON
import Postgres

extension Endpoint<Context> {
    static let operations: [Endpoint] = [listOperations, operation, changeOperation, runOperation]

    private static let listOperations = Endpoint(
        .get, "/api/operations", access: .user, summary: "The operations and what they cost",
        answers: [Answer(.ok, "All of them", ListQuery.schema(of: Operation.schema))]
    ) { context in
        let prices = try context.prices
        let items = Operation.all.map { $0.json(context.services.tasks, prices.price(of: $0.taskType)) }
        return .json(["items": .array(items), "next_cursor": .null])
    }

    private static let operation = Endpoint(
        .get, "/api/operations/{type}", access: .user, summary: "One operation and what it costs",
        answers: [Answer(.ok, "The operation", Operation.schema)]
    ) { context in
        let operation = try named(context)
        return .json(operation.json(context.services.tasks, try context.prices.price(of: operation.taskType)))
    }

    private static let changeOperation = Endpoint(
        .patch, "/api/operations/{type}", access: .admin,
        summary: "Change what an operation costs, or whether it may run",
        body: .json(priceChange), answers: [Answer(.ok, "The operation", Operation.schema)]
    ) { context in
        let operation = try named(context)
        return .json(operation.json(context.services.tasks, try changePrice(of: operation.taskType, context)))
    }

    private static let runOperation = Endpoint(
        .post, "/api/operations/{type}/run", access: .user, scope: .run,
        summary: "Run an operation now, pay for it, and keep a record",
        body: .json(.object(required: ["arguments": .array(of: .number, count: 0...1_000)]).named("OperationCall")),
        idempotency: .byHandler,
        answers: [
            Answer(
                .ok, "The result; user_balance is what the caller can spend after it",
                .object(required: [
                    "result": .any, "user_balance": .integer, "record_id": .string(format: .uuid),
                ])),
            Answer(.accepted, "An earlier call with this Idempotency-Key is still running"),
            Answer(.paymentRequired, "The caller's credits do not suffice", Problem.schema),
            Answer(.conflict, "The operation is switched off", Problem.schema),
            Answer(.unprocessable, "The arguments do not fit, or have no result", Problem.schema),
        ]
    ) { context in
        let key = context.idempotencyKey
        if let answer = try key?.earlierAnswer(on: context.connection) { return answer }
        do {
            return try Purchase(of: try named(context), context).made(context, with: key)
        } catch let problem as Problem where IdempotencyKey.keeps(problem.status) {
            context.connection.rollback()
            try key?.keepRefusal(problem, on: context.connection)
            throw problem
        } catch is IdempotencyKey.Claimed {
            context.connection.rollback()
            return try key?.replay(on: context.connection) ?? .noContent
        }
    }

    private static func named(_ context: Context) throws -> Operation {
        guard let operation = Operation.all.first(where: { $0.type == context.parameters[0] }) else {
            throw Problem.notFound
        }
        return operation
    }
}
