import TestSupport
import Testing

@testable import flow_manager

/// What the README says of the settings is what the program reads.
@Suite struct ReadmeTests {
    @Test func itsTableIsThatOfTheSettings() throws {
        let rows = try Readme.text().split(separator: "\n").filter { line in
            line.wholeMatch(of: #/\| `[A-Z_]+` \|[^|]*\|[^|]*\|/#) != nil
        }
        #expect(
            rows.map(String.init)
                == Setting.all.map { setting in
                    let standard = setting.standard.isEmpty ? "" : "`\(setting.standard)`"
                    return "| `\(setting.name)` | \(standard) | \(setting.summary) |"
                })
    }
}
