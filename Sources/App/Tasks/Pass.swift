import Flows
import JSON

/// Returns its input.
struct Pass: FlowTask {
    let type = "pass"
    let summary = "Returns its input unchanged"
    let effect = Effect.pure
    let input = JSONSchema.any
    let output = JSONSchema.any

    func run(_ input: JSON, in context: TaskContext) throws -> JSON { input }
}
