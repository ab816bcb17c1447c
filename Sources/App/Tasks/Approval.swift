import Flows
import JSON

/// Waits for a person's decision whether the run continues; with a timeout, it fails when no decision is made in time.
struct Approval: WaitingTask {
    let type = "approval"
    let takesSignal = true
    let summary = "Waits for a decision by `POST /api/executions/{id}/signal`, and fails if it is a refusal"
    let input = JSONSchema.any.described("`message`: what has to be decided, for people")
    let output = JSONSchema.object(required: [
        "approved": .constant(true), "data": JSONSchema.any.described("The `data` of the signal"),
        "by": JSONSchema.string(format: .uuid).described("The user who approved"),
    ])

    func advance(_ input: JSON, in context: TaskContext) throws -> Progress {
        guard let signal = context.signal else {
            return .wait(until: .woken, storing: ["message": input["message"] ?? .null])
        }
        guard signal["approved"] == true else {
            throw TaskFailure(code: "not_approved", message: "The approval was refused")
        }
        return .done(signal)
    }
}
