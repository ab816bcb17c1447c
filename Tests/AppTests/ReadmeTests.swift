import App
import Flows
import JSON
import TestSupport
import Testing

/// What the README shows, works.
@Suite struct ReadmeTests {
    /// The example is `ReverseTask.swift`, to the letter.
    @Test func itsTaskRuns() throws {
        #expect(try Readme.codeBlocks("swift") == [sourceText("Tests/AppTests/ReverseTask.swift")])
        let output = try run(Reverse(), on: ["text": "abc"])
        #expect(output == ["text": "cba"])
        #expect(Reverse().output.violations(in: output) == [])
        #expect(throws: TaskFailure.self) { try run(Reverse(), on: ["text": 1]) }
    }

    @Test func itsCallRunsAFlow() throws {
        let command = try #require(try Readme.codeBlocks("sh").flatMap { $0.split(separator: "curl ") }.last)
        #expect(command.contains("/flow-manager "))
        let body = try #require(command.split(separator: "-d '").last?.split(separator: "'").first)
        let call = try JSON(parsing: Array(body.utf8))
        #expect(call.objectValue?.members.map(\.name) == ["flow"])
        var reader = FlowReader(catalog: Tasks.catalog)
        #expect(reader.read(call["flow"] ?? .null)?.taskCount == 3)
        #expect(reader.problems == [])
        #expect(reader.warnings == [])
    }
}
