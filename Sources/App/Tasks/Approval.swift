import Flows
import JSON

/// Lets somebody decide whether the run goes on; with a time-out it fails when nobody does.
struct Approval: WaitingTask {
    let type = "approval"
    let summary = "Waits until somebody releases the run by POST /api/executions/{id}/signal"
    let input = JSONSchema.any.described("message: what is to be decided")
    let output = JSONSchema.object(required: [
        "approved": .constant(true), "data": .any, "by": .string(format: .uuid),
    ])

    func advance(_ input: JSON, in context: TaskContext) throws -> Progress {
        guard let signal = context.signal else {
            return .wait(until: .woken, keeping: ["message": input["message"] ?? .null])
        }
        guard signal["approved"] == true else {
            throw TaskFailure(code: "not_approved", message: "The approval was refused")
        }
        return .done(signal)
    }
}
