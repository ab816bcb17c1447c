import Flows
import JSON
import Postgres

/// Stores a value as one of the user's documents, in the transaction of the run.
struct DataStore: FlowTask {
    let type = "data.store"
    let summary = "Stores a value as one of the user's documents"
    let effect = Effect.transactional
    let input = JSONSchema.any.described(
        "`value`: what to store; `name`: \(Document.nameRule). Default: 'result'. "
            + "An input without `value` is stored whole as 'result'")
    let output = JSONSchema.object(required: ["name": Document.name, "value": .any])

    func mistakes(in input: JSON) -> Violations {
        input["value"] == nil ? [] : Document.mistakes(in: input, isNew: true)
    }

    func run(_ input: JSON, in context: TaskContext) throws -> JSON {
        let value = input["value"] ?? input
        let name = try input["value"] == nil ? "result" : Document.newName(in: input) ?? "result"
        try context.connection.executeLater(
            Document.storing(value, as: name, of: context.userID, counting: context.storage))
        return ["name": .string(name), "value": value]
    }
}
