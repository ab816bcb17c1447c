import Flows
import JSON

/// Waits for a person's decision whether the run continues; with a timeout, it fails when no decision is made in time.
struct Approval: WaitingTask {
    let type = "approval"
    let takesSignal = true
    let summary = "Waits for a decision by `POST /api/executions/{id}/signal`, and fails if it is a refusal"
    let input = JSONSchema.any.described(
        "`message`: what has to be decided, for people; of a longer one, a waiting step shows 1,000 characters")
    let output = JSONSchema.object(required: [
        "approved": .constant(true), "data": JSONSchema.any.described("The `data` of the signal"),
        "by": JSONSchema.string(format: .uuid).described("The user who approved"),
    ])

    func advance(_ input: JSON, in context: TaskContext) throws -> Progress {
        guard let signal = context.signal else {
            return .wait(until: .woken, storing: ["message": Self.shown(input["message"] ?? .null)])
        }
        guard signal["approved"] == true else {
            throw TaskFailure(code: "not_approved", message: "The approval was refused")
        }
        return .done(signal)
    }

    /// Of the message, in Unicode scalars.
    private static let maximumLength = 1_000

    /// What the waiting step keeps of the message. It does not count for the user, so it is short; the whole message is
    /// in the step's input.
    private static func shown(_ message: JSON) -> JSON {
        if let text = message.stringValue { return .string(text.shortened(to: maximumLength)) }
        return message.serialized().count <= maximumLength ? message : .null
    }
}
