import JSON
import System
import Testing

@testable import Flows

/// Texts and inputs with templates, and what they become.
@Suite struct TemplateTests {
    private static let scope = RunScope(
        input: ["n": 3, "text": "a \"b\"", "list": [1, 2, 3], "none": nil, "template": "{{ $.input.n }}"],
        run: RunScope.Run(
            flow: ["id": "f1"], execution: ["id": "e1"], user: ["id": "u1", "email": "user@example.org"]),
        results: [
            ("first", TaskResult(.success, ["total": 7], attempt: 1)),
            (
                "second",
                TaskResult(.failure, failure: TaskFailure(code: "full", message: "No room"), attempt: 2)
            ),
        ])

    private static func value(_ definition: JSON) throws -> JSON {
        var errors: [JSONPathSyntaxError] = []
        let input = TaskInput(definition) { _, query in if case .failure(let error) = query { errors.append(error) } }
        #expect(errors.isEmpty)
        return try input.value(in: scope)
    }

    @Test(
        arguments: [
            ("{{ $.input.n }}", 3), ("{{$.input.list}}", [1, 2, 3]), ("{{ $.input.none }}", nil),
            ("{{ $.tasks.first.output }}", ["total": 7]), ("{{ $.tasks.second.error.code }}", "full"),
            ("{{ $.tasks.second.status }} {{ $.tasks['second'].attempt }}", "failure 2"),
            ("{{ $.input.list[*] }}", [1, 2, 3]), ("{{ $.input.list[?@ > 5] }}", []),
            ("{{ $..total }}", [7]), ("{{ $.flow.id }}{{ $.execution.id }}", "f1e1"),
            ("{{ $.user.email }}", "user@example.org"),
            ("n is {{ $.input.n }}!", "n is 3!"), ("{{ $.input.text }}: {{ $.input.list }}", "a \"b\": [1,2,3]"),
            ("\\{{ $.input.n }}", "{{ $.input.n }}"), ("a }} b", "a }} b"), ("{ {{ $.input.n }} }", "{ 3 }"),
            ("{{ $.input.template }}", "{{ $.input.n }}"), ("{{ $.input['}}'] }}{{ $.input.n }}", nil),
            (["a": ["{{ $.input.n }}", 1], "{{ $.x }}": 2], ["a": [3, 1], "{{ $.x }}": 2]),
            ("{{\n\t$.input.n\n}}", 3), ("", ""),
        ] as [(JSON, JSON)])
    func insertsValues(definition: JSON, expected: JSON) throws {
        if definition == "{{ $.input['}}'] }}{{ $.input.n }}" {
            #expect(throws: TaskFailure(code: "template_empty", message: "$.input['}}'] selects nothing")) {
                try Self.value(definition)
            }
        } else {
            #expect(try Self.value(definition) == expected)
        }
    }

    @Test(arguments: ["{{ $.input.missing }}", "x {{ $.tasks.third.output }}", "{{ $.input.list[3] }}"])
    func aSingularQueryMustSelectANode(text: String) throws {
        let failure = try #require(throws: TaskFailure.self) { try Self.value(.string(text)) }
        #expect(failure.code == "template_empty")
    }

    /// Two thousand times the same megabyte; a value that is nested again and again.
    @Test func whatTemplatesGiveIsBounded() throws {
        let large = RunScope(
            input: .string(String(repeating: "x", count: 1 << 20)), run: .empty, results: [])
        let many = TaskInput(.array(Array(repeating: "{{ $.input }}", count: 2_000))) { _, _ in }
        let failure = try #require(throws: TaskFailure.self) { try many.value(in: large) }
        #expect(failure.code == "template_too_large")

        var nested: JSON = 1
        for _ in 0..<JSONLimits.standard.depth { nested = [nested] }
        let deep = RunScope(input: nested, run: .empty, results: [])
        #expect(try TaskInput("{{ $.input }}") { _, _ in }.value(in: deep) == nested)
        let deeper = try #require(throws: TaskFailure.self) {
            try TaskInput(["{{ $.input }}"]) { _, _ in }.value(in: deep)
        }
        #expect(deeper.code == "template_too_deep")
    }

    @Test(arguments: [
        ("{{", 3), ("{{ $.input", 11), ("{{ $.input } }", 12), ("{{ x }}", 4), ("é {{ $.[ }}", 8), ("{{ }}", 4),
        ("{{ $.a }} {{ $b }}", 15),
    ])
    func saysWhereATemplateIsWrong(text: String, column: Int) throws {
        let error = try #require(throws: JSONPathSyntaxError.self) { try Template(parsing: text) }
        #expect(error.position == TextPosition(line: 1, column: column), "\(error)")
    }

    /// A query sees only the tasks that it names, so that a run need not keep the others.
    @Test(arguments: [
        ("$.tasks.a.output", [true, false, false]), ("$.tasks[*]", [true, true, true]), ("$", [true, true, true]),
        ("$..output", [true, true, true]), ("$.input", [false, false, false]),
        ("$.input[?@ == $.tasks.c.output]", [false, false, true]), ("$.tasks['b','c']", [true, true, true]),
    ])
    func knowsWhichTasksAQuerySees(query: String, expected: [Bool]) throws {
        var references = References(taskCount: 3)
        references.add(try JSONPath(parsing: query), [TextKey("a"): 0, TextKey("b"): 1, TextKey("c"): 2])
        #expect(references.tasks == expected)
    }
}
