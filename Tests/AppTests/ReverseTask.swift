import Flows
import JSON

/// Reverses a text.
struct Reverse: FlowTask {
    let type = "text.reverse"
    let summary = "Reverses a text"
    let effect = Effect.pure
    let input = JSONSchema.object(required: ["text": .string(maxLength: 1_000)])
    let output = JSONSchema.object(required: ["text": .string])

    func run(_ input: JSON, in context: TaskContext) throws -> JSON {
        ["text": .string(String((input["text"]?.stringValue ?? "").reversed()))]
    }
}
