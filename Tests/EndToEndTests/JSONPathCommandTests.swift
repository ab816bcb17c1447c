import Glibc
import System
import TestSupport
import Testing

/// The command `flow-manager jsonpath`.
@Suite struct JSONPathCommandTests {
    private let document = #"{"b":[1.5,{"a":"é"},null],"a'":2}"#

    private func jsonpath(_ arguments: [String], input: String = "") throws -> CommandResult {
        try Stack.command(["jsonpath"] + arguments, environment: [:], input: input)
    }

    @Test(arguments: [
        (["$..a"], #"["é"]"#), (["$.b[?@.a || @ == null]"], #"[{"a":"é"},null]"#), (["$.x"], "[]"),
        (["--paths", "$.b[1:]"], #"["$['b'][1]","$['b'][2]"]"#), (["$[\"a'\"]", "--paths"], #"["$['a\\'']"]"#),
    ])
    func printsWhatTheQuerySelects(arguments: [String], output: String) throws {
        let result = try jsonpath(arguments, input: document)
        #expect(result.status == 0)
        #expect(result.output == output + "\n")
    }

    @Test func readsAFile() throws {
        let path = "/tmp/" + unique("document")
        let descriptor = try Files.openToAppend(path)
        defer { unsafe unlink(path) }
        Files.write(Array(document.utf8), to: descriptor)
        close(descriptor)
        let result = try jsonpath(["$.b[0]", path], input: "not JSON")
        #expect(result.status == 0)
        #expect(result.output == "[1.5]\n")
        let missing = try jsonpath(["$", "/nonexistent/file"])
        #expect(missing.status == 1)
        #expect(missing.output == "flow-manager jsonpath: open: No such file or directory\n")
    }

    @Test(arguments: [
        ("$.a[?@.b = 1]", "line 1, column 10: expected ',' or ']'"),
        ("$.a\n[01]", "line 2, column 2: an integer has no leading zeros, and 0 no sign"),
        ("", "line 1, column 1: a query begins with '$'"),
    ])
    func invalidQueriesExitWith2(query: String, reason: String) throws {
        let result = try jsonpath([query], input: document)
        #expect(result.status == 2)
        #expect(result.output == "flow-manager jsonpath: invalid query: \(reason)\n")
    }

    @Test(arguments: [
        ("{\n\"a\" 1}", "standard input is not valid JSON at line 2, column 5"), ("", "standard input is empty"),
        (#"{"a":1,"a":2}"#, "standard input names 'a' twice in one object"),
    ])
    func invalidDocumentsExitWith1(input: String, reason: String) throws {
        let result = try jsonpath(["$"], input: input)
        #expect(result.status == 1)
        #expect(result.output == "flow-manager jsonpath: \(reason)\n")
    }

    @Test func limitsOfFlowsApply() throws {
        let array = "[" + String(repeating: "1,", count: 2_000) + "1]"
        let result = try jsonpath(["$[?count($[*]) > 0]"], input: array)
        #expect(result.status == 1)
        #expect(result.output == "flow-manager jsonpath: the query visits too many nodes\n")
    }

    @Test(arguments: [[], ["--paths"], ["$", "a", "b"]])
    func wrongArgumentsPrintTheUsage(arguments: [String]) throws {
        let result = try jsonpath(arguments)
        #expect(result.status == 2)
        #expect(result.output == "flow-manager jsonpath: usage: flow-manager jsonpath [--paths] QUERY [FILE]\n")
    }
}
