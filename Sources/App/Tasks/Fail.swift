import Flows
import JSON

/// Always fails, with the message of its input; a flow uses it to end a branch.
struct Fail: FlowTask {
    let type = "fail"
    let summary = "Always fails, with the message of its input"
    let effect = Effect.pure
    let input = JSONSchema.any.described("`message`: the error's message; what exceeds 1,000 characters is left out")
    let output = JSONSchema.null

    func run(_ input: JSON, in context: TaskContext) throws -> JSON {
        throw TaskFailure(code: "failed", message: input["message"]?.stringValue ?? "The flow failed on purpose")
    }
}
