import Flows
import HTTP
import JSON
import Postgres

extension Endpoint<Context> {
    static let prices: [Endpoint] = [changeTaskType]

    private static let changeTaskType = Endpoint(
        .patch, "/api/task-types/{type}", access: .admin, summary: "Change what a task costs, or whether it may run",
        body: .json(priceChange), answers: [Answer(.ok, "The task type", TaskCatalog.schema)]
    ) { context in
        guard let task = context.services.tasks.tasks.first(where: { $0.type == context.parameters[0] }) else {
            throw Problem.notFound
        }
        return .json(task.json(try changePrice(of: task.type, context)))
    }

    static let priceChange = JSONSchema.object(
        optional: ["cost": .integer(0...1_000_000_000), "active": .boolean]
    ).named("PriceChange")

    /// Makes the change of the call's body; every process goes by it within a second.
    static func changePrice(of type: String, _ context: Context) throws -> Price {
        try context.connection.transaction { connection in
            let price = try Price.set(
                type, cost: context.input["cost"]?.integerValue, isActive: context.input["active"]?.boolValue,
                on: connection)
            try context.audit.record(.priceChanged(of: type, to: price))
            return price
        }
    }
}

extension TaskCatalog {
    /// Of an item of the catalog.
    static let schema = JSONSchema.object(required: [
        "type": .string, "summary": .string, "effect": .string(enum: Effect.allCases.map(\.rawValue)),
        "cost": JSONSchema.integer.described("Credits, each time it succeeds"), "active": .boolean, "input": .any,
        "output": .any,
    ]).named("TaskType")
}
