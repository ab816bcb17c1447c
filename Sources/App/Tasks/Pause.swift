import Flows
import JSON
import Postgres
import System

/// Waits for a duration or until a time, without occupying a thread.
struct Pause: WaitingTask {
    /// How long a run may last.
    let lifetime: RunLifetime
    let type = "wait"
    let summary = "Waits for a number of seconds, or until a given time"
    let input = JSONSchema.object(
        optional: [
            "seconds": JSONSchema.number(0...31_536_000).described("How long to wait"),
            "until": JSONSchema.string(maxLength: 64, format: .dateTime).described("When to continue (RFC 3339)"),
        ]
    ).described("Either `seconds` or `until`")
    let output = JSONSchema.object(required: [
        "until": JSONSchema.string(format: .dateTime).described("When the wait ended")
    ])

    func mistakes(in input: JSON) -> Violations {
        switch (input["seconds"], input["until"]) {
        case (_?, _?): [Violation(at: ["until"], "and 'seconds' exclude each other")]
        case (nil, nil): [Violation(at: [], "must have 'seconds' or 'until'")]
        default: lifetime.mistakes(inWait: "seconds", of: input)
        }
    }

    func warnings(about input: JSON, now: Int64) -> Violations {
        guard let until = input["until"]?.stringValue.flatMap(RFC3339.milliseconds), until < now else { return [] }
        return [Violation(at: ["until"], "is in the past: the task does not wait")]
    }

    func advance(_ input: JSON, in context: TaskContext) throws -> Progress {
        let moment = try context.stored?["until"]?.stringValue ?? moment(input, context)
        let hasCome = try context.connection.query("SELECT clock_timestamp() >= \(moment)::timestamptz").only
        if try hasCome.decode(Bool.self) { return .done(["until": .string(moment)]) }
        return .wait(until: .at(moment), storing: ["until": .string(moment)])
    }

    /// The end of the wait by the database's clock, which all workers share; in whole milliseconds, rounded up unless
    /// the wait is for no time.
    private func moment(_ input: JSON, _ context: TaskContext) throws -> String {
        switch (input["seconds"]?.doubleValue, input["until"]?.stringValue) {
        case (let seconds?, nil):
            try context.connection.query(
                """
                SELECT rfc3339(clock_timestamp() + \(seconds)::float8 * interval '1 second'
                    + \(seconds > 0 ? 999 : 0)::integer * interval '1 microsecond')
                """
            ).only.decode(String.self)
        case (nil, let until?): try readable(until, context)
        case (_?, _?): throw TaskFailure(code: "invalid_input", message: "seconds and until exclude each other")
        case (nil, nil): throw TaskFailure(code: "invalid_input", message: "either seconds or until is required")
        }
    }

    /// Checks the format first, because Postgres would also accept 'tomorrow' and a time without an offset.
    private func readable(_ until: String, _ context: TaskContext) throws -> String {
        func read(_ connection: Connection) throws -> String? {
            try connection.query(
                """
                SELECT CASE
                    WHEN \(until) ~* '^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d(\\.\\d+)?(Z|[+-]\\d\\d:\\d\\d)$'
                    THEN rfc3339(\(until)::timestamptz) END
                """
            ).only.decode(String?.self)
        }
        let connection = context.connection
        do {
            // A parse error must not abort a transaction that holds the effect of an earlier step.
            let found = try connection.transactionStatus == .open ? connection.savepoint(read) : read(connection)
            if let found { return found }
        } catch let error as PostgresError where error.sqlState?.isDataException == true {}
        throw TaskFailure(code: "invalid_input", message: "/until: must be a date and time with an offset (RFC 3339)")
    }
}
