import Flows
import JSON
import Postgres

/// Reads one of the user's documents.
struct DataFetch: FlowTask {
    let type = "data.fetch"
    let summary = "Reads one of the user's documents"
    let effect = Effect.pure
    let input = JSONSchema.any.described(
        "`name`: the document's name. Default: 'input', which is a demo table as long as the user has not stored it")
    let output = JSONSchema.any.described("The document's value")

    /// The value of the document `input` for a user who has not stored one.
    private static let demoTable: JSON = ["rows": [["value": 3], ["value": 5], ["value": 8], ["value": 13]]]

    func mistakes(in input: JSON) -> Violations { Document.mistakes(in: input, isNew: false) }

    func expectedOutputSize(_ input: JSON?, of userID: String, on connection: Connection) throws -> Int? {
        guard let input, let name = (input["name"] ?? "input").stringValue else { return nil }
        return try Document.size(of: name, of: userID, on: connection)
    }

    func run(_ input: JSON, in context: TaskContext) throws -> JSON {
        let name = try Document.name(in: input) ?? "input"
        if let found = try Document.find(name, of: context.userID, on: context.connection) {
            return found["value"] ?? .null
        }
        guard name == "input" else {
            throw TaskFailure(code: "not_found", message: "There is no document with this name")
        }
        return DataFetch.demoTable
    }
}
