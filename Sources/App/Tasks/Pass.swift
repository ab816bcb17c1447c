import Flows
import JSON

/// Hands on what it was given.
struct Pass: FlowTask {
    let type = "pass"
    let summary = "Hands its input on unchanged"
    let effect = Effect.pure
    let input = JSONSchema.any
    let output = JSONSchema.any

    func run(_ input: JSON, in context: TaskContext) throws -> JSON { input }
}
