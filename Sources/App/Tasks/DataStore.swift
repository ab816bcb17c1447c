import Flows
import JSON
import Postgres

/// Keeps a value as one of the user's documents, in the transaction of the run.
struct DataStore: FlowTask {
    let type = "data.store"
    let summary = "Keeps a value under a name ('result' unless told); any other input is kept whole"
    let effect = Effect.transactional
    let input = JSONSchema.any.described("name: under which name; value: what to keep")
    let output = JSONSchema.object(required: ["name": Document.name, "value": .any])

    func run(_ input: JSON, in context: TaskContext) throws -> JSON {
        let value = input["value"] ?? input
        let name = try input["value"] == nil ? "result" : Document.name(in: input) ?? "result"
        try context.connection.executeLater(Document.storing(value, as: name, of: context.userID))
        return ["name": .string(name), "value": value]
    }
}
