import Foundation
import TestSupport
import Testing

@testable import flow_manager

/// The functions named in `docs/architecture.md` and the modules in the README's list exist.
@Suite struct ArchitectureTests {
    /// Each function is named with its file, in a table row or in parentheses.
    @Test func namedFunctionsExist() throws {
        let text = try sourceText("docs/architecture.md")
        let named = text.matches(of: #/`(\w+)\.(\w+)` ?(?:\||\()\s?`(Sources\/[^`]+)`/#)
        #expect(named.count > 30)
        for match in named {
            let (type, function) = (String(match.1), String(match.2))
            let source = try sourceText(String(match.3))
            let declarations = ["func \(function)(", "func \(function)<", "let \(function) =", "let \(function):"]
            #expect(declarations.contains(where: source.contains), "\(match.3) has no \(function)")
            let types = ["struct \(type)", "class \(type)", "enum \(type)", "extension \(type)"]
            #expect(types.contains(where: source.contains), "\(match.3) does not declare or extend \(type)")
        }
        // Each function name is followed by its file.
        #expect(
            text.matches(of: #/`[A-Z]\w+\.[a-z]\w+`/#).count == named.count + text.matches(of: #/`README.md`/#).count)
    }

    /// `docs/operations.md` explains each event of the log that has a name of several words.
    @Test func eventsAreExplained() throws {
        let source = try sourceText("Sources/Server/Observers/Observation+Log.swift")
        let text = try sourceText("docs/operations.md")
        let events = source.matches(of: #/"((?:\\\(role\))?-?[a-z]+(?:-[a-z]+)+)"/#).map { String($0.1) }
        #expect(events.count > 40)
        for event in Set(events) {
            let name = event.replacing("\\(role)", with: "responder")
            #expect(text.contains("`\(name)`"), "docs/operations.md does not explain \(name)")
        }
    }

    @Test func metricsAreExplained() throws {
        let text = try sourceText("docs/operations.md")
        let named = text.matches(of: #/`((?:flow_manager|http|process)_\w+)`/#).map { String($0.1) }
        #expect(Set(named) == Set(Metric.allCases.map(\.rawValue)))
    }

    @Test func listOfModulesEqualsTheFoldersOfSources() throws {
        let section = try #require(
            try Readme.text().split(separator: "\n## The modules\n").last?.split(separator: "\n## ").first)
        let named = Set(section.matches(of: #/(?m)^\| `(\w+)`/#).map { String($0.1) })
        // The module maps of C libraries share one row.
        let isModuleMap = { (name: String) in name.hasPrefix("C") && name != "Crypto" }
        let folders = try FileManager.default.contentsOfDirectory(atPath: Stack.root + "/Sources")
        #expect(named.filter { !isModuleMap($0) } == Set(folders.filter { !isModuleMap($0) }))
    }
}
