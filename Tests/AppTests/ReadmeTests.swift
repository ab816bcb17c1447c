import App
import Crypto
import Flows
import HTTP
import JSON
import TestSupport
import Testing

/// The examples of the README work.
@Suite struct ReadmeTests {
    /// The example is a copy of `ReverseTask.swift`.
    @Test func theExampleTaskRuns() throws {
        #expect(try Readme.codeBlocks("swift") == [sourceText("Tests/AppTests/ReverseTask.swift")])
        let output = try run(Reverse(), on: ["text": "abc"])
        #expect(output == ["text": "cba"])
        #expect(Reverse().output.violations(in: output) == [])
        #expect(throws: TaskFailure.self) { try run(Reverse(), on: ["text": 1]) }
    }

    /// The `curl` examples call existing endpoints with valid bodies.
    @Test func theExampleCallsAreValid() throws {
        let calls = try Readme.codeBlocks("sh").flatMap { $0.split(separator: "curl ").dropFirst() }
        #expect(calls.count > 2)
        for call in calls {
            let target = try #require(call.split(separator: ":8080").last?.split(separator: " ").first)
            let path = try #require(Path(parsing: target))
            let method = call.contains("-X PUT") ? "PUT" : "POST"
            guard case .endpoint(let position, _) = Router(Routes.all).match(method: method, path: path) else {
                Issue.record("\(call)")
                continue
            }
            #expect(try Routes.all[position].body.schema?.violations(in: body(of: call)) == [], "\(call)")
        }
    }

    /// The tables equal the program: the fields those of the schema, the task types the catalog, the statuses the type.
    @Test func thePageOnFlowsEqualsTheProgram() throws {
        func table(_ title: String) throws -> [String] {
            let part = try #require(
                try sourceText("docs/flows.md").split(separator: "\n### \(title)\n").dropFirst().first)
            return part.prefix { $0 != "#" }.split(separator: "\n").filter { $0.hasPrefix("| `") }.map(String.init)
        }
        #expect(try table("The fields") == fields(of: FlowFormat.flow.json, under: ""))
        #expect(
            try table("The status of a run").map { $0.split(separator: "|").prefix(2).joined() }
                == ExecutionStatus.allCases.map { " `\($0.rawValue)`  \($0.isEnd ? "yes" : "no") " })
        #expect(
            try table("The task types")
                == Tasks.makeCatalog().tasks.map { "| `\($0.type)` | \($0.effect.rawValue) | \($0.summary) |" })
    }

    /// The table of the scopes of API keys follows from the endpoints.
    @Test func theScopesEqualThoseOfTheEndpoints() throws {
        func names(_ isIncluded: (Endpoint<Context>) -> Bool) -> String {
            Routes.all.filter { $0.access.takesKeys && isIncluded($0) }.map { "`\($0.method.rawValue) \($0.path)`" }
                .joined(separator: ", ")
        }
        let rows = Scope.allCases.map { scope in
            let limited = names { $0.limitedScope == scope }
            let more = limited.isEmpty ? "" : "; for what the key has started: \(limited)"
            return "| `\(scope.rawValue)` | \(names { $0.scope == scope })\(more) |"
        }
        let table = try Readme.text().split(separator: "\n").filter { line in
            Scope.allCases.contains { line.hasPrefix("| `\($0.rawValue)` |") }
        }
        #expect(table.map(String.init) == rows)
    }

    private func fields(of schema: JSON, under prefix: String) -> [String] {
        let required = schema["required"]?.arrayValue ?? []
        return (schema["properties"]?.objectValue?.members ?? []).flatMap { member in
            let isRequired = required.contains(.string(member.name)) ? "yes" : ""
            let meaning = member.value["description"]?.stringValue ?? ""
            let isArray = member.value["type"] == "array"
            return ["| `\(prefix)\(member.name)` | \(isRequired) | \(meaning) |"]
                + fields(
                    of: isArray ? member.value["items"] ?? .null : member.value,
                    under: "\(prefix)\(member.name)\(isArray ? "[]" : "").")
        }
    }

    @Test func theExampleFlowIsValid() throws {
        let calls = try Readme.codeBlocks("sh").flatMap { $0.split(separator: "curl ") }
        let call = try body(of: try #require(calls.first { $0.contains("/flow-manager ") }))
        #expect(call.objectValue?.members.map(\.name) == ["flow"])
        var reader = FlowReader(catalog: Tasks.makeCatalog())
        #expect(reader.read(call["flow"] ?? .null)?.taskCount == 3)
        #expect(reader.problems == [])
        #expect(reader.warnings == [])
    }

    /// The body of the call, in quotes after `-d`.
    private func body(of call: Substring) throws -> JSON {
        // The shell inserts the id of a workflow.
        let call = call.replacing("'$ID'", with: UUIDv7.make())
        let text = try #require(call.split(separator: "-d '").last?.split(separator: "'").first)
        return try JSON(parsing: Array(text.utf8))
    }
}
