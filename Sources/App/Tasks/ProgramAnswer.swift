import Flows
import JSON
import Programs

/// What a step makes of the end of a program.
enum ProgramAnswer {
    static func end(of result: ProgramResult, _ program: String) -> CallEnd {
        switch result.end {
        case .exited(status: 0): CallEnd("exit_0") { try output(of: result) }
        case .exited(let status):
            failed(
                "exit_other", "exec_failed", "The program has ended with status \(status)", ["status": JSON(status)])
        case .signalled(let signal):
            failed("signal", "exec_failed", "The program was ended by signal \(signal)", ["signal": JSON(signal)])
        case .timedOut: failed("timeout", "timeout", "The program took too long")
        case .aborted: failed("canceled", "canceled", "The program was aborted")
        case .tooMuchOutput: failed("output_too_large", "exec_output_too_large", "The program has written too much")
        case .refused(let reason):
            failed("program_refused", "program_refused", "The program '\(program)' \(reason)")
        case .notStarted:
            failed("not_started", "exec_not_started", "The program could not be started", isTrouble: true)
        case .lost:
            failed(
                "lost", "exec_lost", "The program was ended before its time, and its result is lost", isTrouble: true)
        }
    }

    private static func failed(
        _ outcome: String, _ code: String, _ message: String, _ details: JSON? = Optional.none, isTrouble: Bool = false
    ) -> CallEnd {
        CallEnd(outcome, isTrouble: isTrouble) { throw TaskFailure(code: code, message: message, details: details) }
    }

    private static func output(of result: ProgramResult) throws -> JSON {
        let value: JSON
        do {
            value = try JSON(parsing: result.output)
        } catch {
            throw TaskFailure(code: "exec_invalid_output", message: "The program has not written valid JSON: \(error)")
        }
        guard JSONSchema.any.violations(in: value).isEmpty else {
            throw TaskFailure(
                code: "exec_invalid_output", message: "The program has written a text with U+0000, which cannot be kept"
            )
        }
        return value
    }
}
