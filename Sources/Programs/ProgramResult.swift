import JSON
import System

/// How a program has ended, and what it has written.
package struct ProgramResult: Sendable, Equatable {
    package enum End: Sendable, Equatable {
        case exited(status: Int)
        /// A signal ended it.
        case signalled(Int)
        case timedOut
        /// Its run was canceled, or its worker has ended.
        case aborted
        /// It has written more to standard output than is read.
        case tooMuchOutput
        /// The folder has no such program, or it must not be executed: the rest of a sentence about it.
        case refused(String)
        /// It was not started, because of an error of the system.
        case notStarted(String)
        /// The stage was killed, which has ended the program, too.
        case lost(String)
    }

    package let end: End
    /// Of a program that has ended by itself.
    package var output: [UInt8] = []
    /// The end of what it has written to standard error.
    package var errors = ""
}

extension ProgramResult {
    private static let newline = UInt8(ascii: "\n")

    /// As the stage reports it to the worker: one line of JSON, then the output. A stage that is lost reports nothing.
    var report: [UInt8] {
        let (name, detail): (String, JSON) =
            switch end {
            case .exited(let status): ("exited", JSON(status))
            case .signalled(let signal): ("signalled", JSON(signal))
            case .timedOut: ("timed-out", .null)
            case .aborted: ("aborted", .null)
            case .tooMuchOutput: ("too-much-output", .null)
            case .refused(let reason): ("refused", .string(reason))
            case .notStarted(let reason): ("not-started", .string(reason))
            case .lost(let reason): ("lost", .string(reason))
            }
        let line: JSON = ["end": .string(name), "detail": detail, "errors": .string(errors)]
        return line.serialized() + [Self.newline] + output
    }

    /// Nil if the bytes are not a whole report, because the stage was killed.
    init?(report: [UInt8]) {
        guard let position = report.firstIndex(of: Self.newline),
            let line = try? JSON(parsing: Array(report[..<position])), let errors = line["errors"]?.stringValue
        else { return nil }
        let (number, text) = (line["detail"]?.integerValue.map { Int($0) }, line["detail"]?.stringValue)
        switch (line["end"]?.stringValue, number, text) {
        case ("exited", let status?, _): end = .exited(status: status)
        case ("signalled", let signal?, _): end = .signalled(signal)
        case ("timed-out", _, _): end = .timedOut
        case ("aborted", _, _): end = .aborted
        case ("too-much-output", _, _): end = .tooMuchOutput
        case ("refused", _, let reason?): end = .refused(reason)
        case ("not-started", _, let reason?): end = .notStarted(reason)
        default: return nil
        }
        self.errors = errors
        output = Array(report[(position + 1)...])
    }
}
