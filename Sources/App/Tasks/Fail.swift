import Flows
import JSON

/// Fails, with a message if it is given one: ends a branch on purpose.
struct Fail: FlowTask {
    let type = "fail"
    let summary = "Fails with the message it is given"
    let effect = Effect.pure
    let input = JSONSchema.any
    let output = JSONSchema.null

    func run(_ input: JSON, in context: TaskContext) throws -> JSON {
        throw TaskFailure(code: "failed", message: input["message"]?.stringValue ?? "The flow failed on purpose")
    }
}
