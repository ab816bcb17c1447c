import JSON

/// One result of `flow-manager doctor`: what was checked, and what to change if it is not as it should be.
struct Finding: Equatable, Sendable {
    enum Verdict: String, Sendable {
        case ok
        /// The site works, but not as well or as safely as it could.
        case warning = "WARN"
        case failure = "FAIL"
        /// Could not be checked.
        case skipped = "skip"
    }

    let check: String
    let verdict: Verdict
    /// One or more sentences.
    let text: String
    /// Lines to paste into the configuration of the web server.
    var lines: [String] = []

    static func ok(_ check: String, _ text: String) -> Finding { Finding(check: check, verdict: .ok, text: text) }
    static func skipped(_ check: String, _ text: String) -> Finding {
        Finding(check: check, verdict: .skipped, text: text)
    }
    static func warning(_ check: String, _ text: String, _ lines: [String] = []) -> Finding {
        Finding(check: check, verdict: .warning, text: text, lines: lines)
    }
    static func failure(_ check: String, _ text: String, _ lines: [String] = []) -> Finding {
        Finding(check: check, verdict: .failure, text: text, lines: lines)
    }

    /// A line, and the lines to paste below it.
    var report: String {
        (["\(verdict.rawValue.padded(to: 6))\(check.padded(to: 15))\(text)"] + lines.map { "          \($0)" })
            .joined(separator: "\n")
    }

    var json: JSON {
        [
            "check": .string(check), "verdict": .string(verdict.rawValue.lowercased()), "text": .string(text),
            "lines": .array(lines.map(JSON.string)),
        ]
    }
}
