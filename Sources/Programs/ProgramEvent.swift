/// What happens to programs, for the runner's observer.
package enum ProgramEvent: Sendable, Equatable {
    /// A program has ended that wrote to standard error: the end of that. Only the operator sees it.
    case wroteErrors(program: String, executionID: String, String)
    /// A program was not started, because of an error of the system.
    case notStarted(program: String, executionID: String, reason: String)

    static func events(of result: ProgramResult, _ program: String, _ executionID: String) -> [ProgramEvent] {
        var events: [ProgramEvent] = []
        if !result.errors.isEmpty {
            events.append(.wroteErrors(program: program, executionID: executionID, result.errors))
        }
        if case .notStarted(let reason) = result.end {
            events.append(.notStarted(program: program, executionID: executionID, reason: reason))
        }
        return events
    }
}
