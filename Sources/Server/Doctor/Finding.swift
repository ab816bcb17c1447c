import JSON

/// One result of `flow-manager doctor`: what was checked, and what to change if it is not as it should be.
struct Finding: Equatable, Sendable {
    enum Verdict: String, Sendable {
        case ok
        /// The site works, but not as well or as safely as it could.
        case warning = "WARN"
        case failure = "FAIL"
        /// A property of this kind of deployment, which needs no change.
        case info
        /// Could not be checked.
        case skipped = "skip"
    }

    let check: String
    let verdict: Verdict
    /// One or more sentences.
    let text: String
    /// Lines to paste into the configuration of the web server.
    let lines: [String]

    /// - Parameter text: may contain what a site has answered: it cannot control a terminal, and is cut.
    init(check: String, verdict: Verdict, text: String, lines: [String] = []) {
        (self.check, self.verdict, self.lines) = (check, verdict, lines.map(\.printable))
        self.text = String(text.prefix(Self.longestText)).printable
    }

    /// In characters.
    private static let longestText = 4_000

    static func ok(_ check: String, _ text: String) -> Finding { Finding(check: check, verdict: .ok, text: text) }
    static func info(_ check: String, _ text: String, _ lines: [String] = []) -> Finding {
        Finding(check: check, verdict: .info, text: text, lines: lines)
    }
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

extension String {
    /// The text with the characters that control a terminal, or that change the order of what it shows, as `\u{1b}`.
    fileprivate var printable: String {
        unicodeScalars.reduce(into: "") { text, scalar in
            switch scalar.properties.generalCategory {
            case .control, .format, .lineSeparator, .paragraphSeparator, .privateUse, .surrogate, .unassigned:
                text += "\\u{\(String(scalar.value, radix: 16))}"
            default: text.unicodeScalars.append(scalar)
            }
        }
    }
}
