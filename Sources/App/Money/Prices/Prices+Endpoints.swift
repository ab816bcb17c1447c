import Flows
import HTTP
import JSON
import Postgres

extension Endpoint<Context> {
    static let prices: [Endpoint] = [changeTaskType]

    private static let changeTaskType = Endpoint(
        .patch, "/api/task-types/{type}", operation: "updateTaskType", tag: .flows, access: .admin,
        summary: "Change a task type's cost, or activate or deactivate it",
        description: "The change takes effect within a second. Fields that the body does not name keep their values.",
        parameters: [Parameter("type", TaskCatalog.typeSchema, "The task type: `random.string`")],
        body: .json(taskTypeChange.schema), answers: [Answer(.ok, "The task type", TaskCatalog.schema)],
        examples: [
            Example(
                "Change a task type's cost", path: ["type": "random.string"], body: ["cost": 5, "active": true])
        ]
    ) { context in
        guard let task = context.services.engine.catalog.tasks.first(where: { $0.type == context.path("type") }) else {
            throw Problem.notFound
        }
        try taskTypeChange.check(context.input, against: task.json(try context.prices.price(of: task.type)))
        return .json(task.json(try changePrice(of: task.type, context)))
    }

    private static let taskTypeChange = priceChange(of: TaskCatalog.schema, named: "TaskTypeChange")

    static func priceChange(of whole: JSONSchema, named name: String) -> ResourceChange {
        ResourceChange(
            JSONSchema.object(
                optional: [
                    "cost": JSONSchema.integer(0...1_000_000_000).described("Credits for each success"),
                    "active": JSONSchema.boolean.described("Whether it is active"),
                ]
            ).named(name), of: whole)
    }

    /// Applies the change that the body describes. Every process uses the new price within a second.
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
    static let typeSchema = JSONSchema.string(maxLength: FlowFormat.nameLength)
    static let summarySchema = JSONSchema.string(maxLength: 500)

    /// The schema of one item of the catalog.
    static let schema = JSONSchema.object(required: [
        "type": typeSchema.described("The `type` of a task in a flow"), "summary": summarySchema,
        "effect": JSONSchema.string(enum: Effect.allCases.map(\.rawValue)).described(
            "What it changes: nothing, this database or another system; or that it waits"
        ).named("Effect"),
        "cost": JSONSchema.integer.described("Credits for each success"),
        "active": JSONSchema.boolean.described("Whether it is active"),
        "takes_credential": JSONSchema.boolean.described("Whether a task of the type may name a `credential`"),
        "input": JSONSchema.any.described("The JSON Schema of its input"),
        "output": JSONSchema.any.described("The JSON Schema of its output"),
    ]).named("TaskType")
}
