import TestSupport
import Testing

@testable import flow_manager

/// The README documents the settings that the program reads.
@Suite struct ReadmeTests {
    @Test func tableOfSettingsMatchesTheProgram() throws {
        let rows = try Readme.text().split(separator: "\n").filter { line in
            line.wholeMatch(of: #/\| `[A-Z0-9_]+` \|[^|]*\|[^|]*\|/#) != nil
        }
        #expect(
            rows.map(String.init)
                == Settings.all.map { setting in
                    let defaultValue = if case .text(let text) = setting.defaultValue { "`\(text)`" } else { "" }
                    return "| `\(setting.name)` | \(defaultValue) | \(setting.summary) |"
                })
    }
}
