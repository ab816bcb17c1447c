/// What happens to programs, for the runner's observer.
package enum ProgramEvent: Sendable, Equatable {
    /// A program has ended that wrote to standard error: the end of that. Only the operator sees it.
    case wroteErrors(program: String, executionID: String, String)
    /// A program was not started, because of an error of the system.
    case notStarted(program: String, executionID: String, reason: String)
    /// The process beside a program was killed, and the program with it.
    case lost(program: String, executionID: String, reason: String)

    static func events(of result: ProgramResult, _ program: String, _ executionID: String) -> [ProgramEvent] {
        var events: [ProgramEvent] = []
        if !result.errors.isEmpty {
            events.append(.wroteErrors(program: program, executionID: executionID, result.errors))
        }
        switch result.end {
        case .notStarted(let reason):
            events.append(.notStarted(program: program, executionID: executionID, reason: reason))
        case .lost(let reason): events.append(.lost(program: program, executionID: executionID, reason: reason))
        default: break
        }
        return events
    }
}
