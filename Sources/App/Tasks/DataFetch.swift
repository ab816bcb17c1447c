import Flows
import JSON

/// Reads one of the user's documents.
struct DataFetch: FlowTask {
    let type = "data.fetch"
    let summary = "Reads the document of a name ('input' unless told); a demo table for a user without one"
    let effect = Effect.pure
    let input = JSONSchema.any.described("name: which document")
    let output = JSONSchema.any

    /// What a user who has stored nothing yet works on.
    private static let demoTable: JSON = ["rows": [["value": 3], ["value": 5], ["value": 8], ["value": 13]]]

    func run(_ input: JSON, in context: TaskContext) throws -> JSON {
        let name = try Document.name(in: input) ?? "input"
        if let found = try Document.find(name, of: context.userID, on: context.connection) { return found.value }
        guard name == "input" else {
            throw TaskFailure(code: "not_found", message: "There is no document of this name")
        }
        return DataFetch.demoTable
    }
}
