import Flows
import JSON

/// Keeps a value as one of the user's documents, in the transaction of the run.
struct DataStore: FlowTask {
    let type = "data.store"
    let summary = "Keeps a value under a name ('result' unless told); any other input is kept whole"
    let effect = Effect.transactional
    let input = JSONSchema.any.described("name: under which name; value: what to keep")
    let output = JSONSchema.object(required: ["name": Document.name, "value": .any])

    func run(_ input: JSON, in context: TaskContext) throws -> JSON {
        let value = input["value"] ?? input
        let name = input["value"] == nil ? "result" : input["name"] ?? "result"
        guard let text = name.stringValue, Document.name.violations(in: name).isEmpty else {
            throw TaskFailure(code: "invalid_input", message: "name must be a string of 1 to 200 characters")
        }
        try Document.store(value, as: text, of: context.userID, on: context.connection)
        return ["name": name, "value": value]
    }
}
