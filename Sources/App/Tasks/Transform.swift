import Flows
import JSON

/// Gives a value that the templates of its input have made.
struct Transform: FlowTask {
    let type = "transform"
    let summary = "Returns `value`, which its templates make from the results of earlier tasks"
    let effect = Effect.pure
    let input = JSONSchema.object(required: ["value": JSONSchema.any.described("The output, with templates")])
    let output = JSONSchema.any.described("The value")

    func run(_ input: JSON, in context: TaskContext) throws -> JSON { input["value"] ?? .null }
}
