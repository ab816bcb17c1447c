import Flows
import JSON
import Postgres
import TestSupport
import Testing

@testable import App

/// Inputs that a flow writes are checked before its first task runs, as far as they are known then.
@Suite struct LiteralTests {
    let application: TestApplication
    let user: TestUser

    init() throws {
        application = try TestApplication()
        user = try application.makeUser()
    }

    private func post(_ path: String, _ body: JSON) throws -> HTTPAnswer {
        try application.post(path, body, token: user.token)
    }

    private static let mistakes: [(String, JSON, String)] = [
        ("random.array", ["n": -1], "/n"), ("random.array", ["n": "5"], "/n"), ("wait", [:], ""),
        ("wait", ["seconds": 1, "until": "2099-01-01T00:00:00Z"], "/until"),
        ("wait", ["seconds": "{{ $.input }}", "until": "{{ $.input }}"], "/until"),
        ("calc.division", ["arguments": [1, 0]], "/arguments/1"),
        ("calc.division", ["arguments": ["{{ $.input }}", -0.0]], "/arguments/1"),
        ("calc.division", ["arguments": [[1, 2], [1, 0]]], "/arguments/1/1"),
        ("calc.square_root", ["arguments": [-1]], "/arguments/0"),
        ("calc.addition", ["arguments": [[1], [1, 2]]], "/arguments"),
        ("data.store", ["name": "a/b", "value": 1], "/name"), ("data.fetch", ["name": ""], "/name"),
        ("http.request", ["url": "http://example.org", "body": 1, "text": "1"], "/text"),
        ("http.request", ["url": "http://example.org", "method": "HEAD", "body": 1], "/body"),
        ("map", ["workflow": "w", "items": [1, 2], "max_items": 1], "/items"),
        ("exec", ["program": "../sh"], "/program"),
        ("exec", ["program": "p", "arguments": ["a", "-c"]], "/arguments/1"),
        (
            "each", ["items": [], "task": "calc.division", "input": ["arguments": ["{{ $.item }}", 0]]],
            "/input/arguments/1"
        ),
        ("each", ["items": [["n": 1], ["n": 0]], "task": "random.array"], "/items/1/n"),
    ]

    @Test(arguments: mistakes) func newFlowsAreRefused(type: String, input: JSON, pointer: String) throws {
        let call = JSON.flow([.task("first", "pass"), .task("a", type, input)])
        let workflow: JSON = ["name": "w", "flow": call["flow"] ?? nil]
        let document = workflow.with(["format": "flow-manager.workflow", "format_version": 1])
        for (path, body) in [
            ("/flow-manager", call), ("/api/flows/validate", call), ("/api/workflows", workflow),
            ("/api/workflows/import", document),
        ] {
            let refused = try post(path, body)
            expectProblem(refused, 422, "validation_failed", path)
            #expect(pointers(refused) == ["/flow/tasks/1/input\(pointer)"], "\(refused.text)")
        }
        #expect(try application.get("/api/executions", token: user.token)["items"] == [])
    }

    /// Templates may give what is valid, and inputs that other tasks give are not known.
    @Test(
        arguments: [
            ("random.array", ["n": "{{ $.input }}"]), ("random.array", "{{ $.input }}"), ("random.array", [1, 2]),
            ("wait", ["seconds": 0]), ("wait", ["seconds": "{{ $.input }}"]), ("wait", "{{ $.input }}"), ("wait", nil),
            ("calc.division", ["arguments": [0, "{{ $.input }}"]]), ("calc.division", nil),
            ("calc.addition", ["arguments": [[1], "{{ $.input }}"]]), ("data.store", ["name": "a/b"]),
            ("data.store", ["name": "{{ $.input }}/", "value": 1]), ("random.array", nil),
            ("map", ["workflow": "w", "items": [1, 2], "max_items": "{{ $.input }}"]),
            ("each", ["items": ["{{ $.input }}"], "task": "random.array"]),
        ] as [(String, JSON?)])
    func whatIsNotKnownIsNotRefused(type: String, input: JSON?) throws {
        let answer = try post("/api/flows/validate", .chain([.task("first", "pass"), .task("a", type, input)]))
        #expect(answer.status == 200 && answer["warnings"] == [], "\(answer.text)")
    }

    @Test func mistakesAreReportedWithOtherProblems() throws {
        let refused = try post(
            "/api/flows/validate", .chain([.task("a", "random.array", ["n": 0]), .task("b", "nothing")]))
        #expect(Set(pointers(refused)) == ["/flow/tasks/0/input/n", "/flow/tasks/1/type"])
    }

    @Test func aWaitUntilThePastIsAWarning() throws {
        for (until, count) in [("2001-02-03T04:05:06+01:00", 1), ("2099-01-01T00:00:00Z", 0), ("{{ $.input }}", 0)] {
            let call = JSON.flow([.task("a", "wait", ["until": .string(until)])])
            let answer = try post("/api/flows/validate", call)
            #expect(answer.status == 200)
            let expected: JSON = [
                "pointer": "/flow/tasks/0/input/until", "message": "is in the past: the task does not wait",
            ]
            #expect(answer["warnings"] == .array(Array(repeating: expected, count: count)), "\(until)")
        }
    }

    /// A version that was stored before these checks runs and fails at its step; it can be the newest again.
    @Test func storedFlowsStillRun() throws {
        func flow(_ n: JSON) -> JSON {
            JSON.chain([.task("first", "pass"), .task("a", "random.array", ["n": n])])["flow"] ?? nil
        }
        let kept = try post("/api/workflows", ["name": "w", "key": "w", "flow": flow(3)])
        let id = kept["id"].stringValue ?? ""
        try application.database.connect().pipeline([
            """
            INSERT INTO workflow_versions (workflow_id, version, name, flow, created_at)
            VALUES (\(id), 2, 'w', \(flow(-1)), now())
            """,
            "UPDATE workflows SET version = 2 WHERE id = \(id)",
        ])
        let path = "/api/workflows/\(id)"
        func run() throws -> HTTPAnswer {
            let started = try post("\(path)/execute", [:])
            #expect(started.status == 202, "\(started.text)")
            try application.work()
            return try application.get("/api/executions/\(started["id"].stringValue ?? "")", token: user.token)
        }
        let first = try run()
        #expect(first["status"] == "failed" && first["steps"].each("status") == ["success", "failure"])
        #expect(first["error"]["code"] == "invalid_input")
        let resumed = try post("/api/executions/\(first["id"].stringValue ?? "")/resume", [:])
        #expect(resumed.status == 202, "\(resumed.text)")
        let saved = try application.send("PUT", path, ["name": "w", "flow": flow(3)], token: user.token)
        #expect(saved.status == 200, "\(saved.text)")
        expectProblem(
            try application.send("PUT", path, ["name": "w", "flow": flow(-1)], token: user.token), 422,
            "validation_failed")
        #expect(try post("\(path)/rollback", ["version": 2]).status == 200)
        #expect(try run()["status"] == "failed")
    }
}

extension JSON {
    fileprivate func with(_ more: [String: JSON]) -> JSON {
        var members = objectValue ?? JSONObject()
        for member in more { members[member.key] = member.value }
        return .object(members)
    }
}
