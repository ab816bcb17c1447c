import Flows
import JSON
import Postgres

/// Waits for a person's decision whether the run continues; fails if it is a refusal, or is not made in time.
struct Approval: WaitingTask {
    /// How long a run may last.
    let lifetime: RunLifetime
    let type = "approval"
    let takesSignal = true
    let summary = "Waits for a decision by `POST /api/executions/{id}/signal`, and fails if it is a refusal"
    /// Any value that is no object is accepted, because a task without an input of its own gets the output of another.
    let input = JSONSchema.anyOf([
        .object(
            optional: [
                "message": JSONSchema.any.described(
                    "What has to be decided, for people; of a longer one, the approvers see 1,000 characters"),
                "approvers": JSONSchema.array(of: Approvers.name, count: 1...Approvers.maximumCount).described(
                    """
                    Who may decide: `owner`, `admin` (every admin), and ids or e-mails of users, which are looked up \
                    when the wait begins. An e-mail must be confirmed: by an admin, or by its issuer. Default: the owner
                    """),
                "timeout": JSONSchema.number(1...31_536_000).described(
                    "Seconds after which the task fails with the code `timeout`. Default: when the run "
                        + "expires"),
            ], additional: .any),
        .array(of: .any), .string(maxLength: Int(Int32.max)), .number, .boolean, .null,
    ])
    let output = JSONSchema.object(required: [
        "approved": .constant(true), "data": JSONSchema.any.described("The `data` of the signal"),
        "by": JSONSchema.string(format: .uuid).described("The user who approved"),
        "at": JSONSchema.string(format: .dateTime).described("When it was approved"),
    ])

    func mistakes(in input: JSON) -> Violations { lifetime.mistakes(inWait: "timeout", of: input) }

    func advance(_ input: JSON, in context: TaskContext) throws -> Progress {
        if let signal = context.signal {
            guard signal["approved"] == true else {
                throw TaskFailure(code: "not_approved", message: "The approval was refused", details: signal)
            }
            return .done(signal)
        }
        if let stored = context.stored { return try wait(storing: stored, context) }
        let texts = input["approvers"]?.arrayValue?.compactMap(\.stringValue)
        let approvers = try Approvers(texts ?? [Approvers.owner], of: context)
        var stored = JSONObject([.init(name: "message", value: Self.shown(input["message"] ?? .null))])
        if let seconds = input["timeout"]?.doubleValue {
            stored["until"] = .string(
                try context.connection.query(
                    "SELECT rfc3339(clock_timestamp() + \(seconds)::float8 * interval '1 second')"
                ).only.decode(String.self))
        }
        return try wait(storing: .object(stored), together: approvers.statements, context)
    }

    /// Throws if the time limit of the stored state has passed.
    private func wait(storing stored: JSON, together: [SQL] = [], _ context: TaskContext) throws -> Progress {
        guard let until = stored["until"]?.stringValue else {
            return .wait(until: .woken, storing: stored, together: together)
        }
        let hasPassed = try context.connection.query("SELECT clock_timestamp() >= \(until)::timestamptz").only
        guard try !hasPassed.decode(Bool.self) else {
            throw TaskFailure(code: "timeout", message: "No decision was made in time")
        }
        return .wait(until: .at(until), storing: stored, together: together)
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
