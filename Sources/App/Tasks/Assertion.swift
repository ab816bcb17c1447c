import Flows
import JSON

/// Fails unless something holds that the flow expects of its run.
struct Assertion: FlowTask {
    let type = "assert"
    let summary = "Fails unless a JSONPath query selects a node that is neither `false` nor `null`"
    let effect = Effect.pure
    let deferredInput: DeferredInput? = .condition("that")
    let input = JSONSchema.object(
        required: [
            "that": JSONSchema.string(minLength: 1, maxLength: JSONPath.maximumLength).described(
                "A JSONPath query (RFC 9535) as in the `when` of a condition, without braces: "
                    + "`$.input[?@.quantity > 0]`")
        ],
        optional: [
            "message": JSONSchema.string(maxLength: 10_000).described(
                "The error's message; what exceeds 1,000 characters is left out. Default: the query")
        ])
    let output = JSONSchema.object(required: ["holds": .constant(true)])

    func run(_ input: JSON, in context: TaskContext) throws -> JSON {
        guard try context.conditionHolds else {
            let message = input["message"]?.stringValue ?? "This does not hold: \(input["that"]?.stringValue ?? "")"
            throw TaskFailure(code: "assertion_failed", message: message)
        }
        return ["holds": true]
    }
}
