import HTTP
import JSON
import Postgres
import TestSupport
import Testing

@testable import App

/// Stored JSON is shown byte for byte as it is stored, and what this program stores is what it would write again.
@Suite struct StoredTextTests {
    private let application: TestApplication
    private let owner: Connection
    private let user: TestUser
    /// Everything that storage or writing might change.
    private static let values: [JSON] = [
        [
            "z": 1, "a": [.integer(.min), .unsigned(.max), 9_007_199_254_740_993], "": [:], "empty": [],
            "e\u{301}": true,
            "numbers": [0.1, -0.0, 1e300, 100.0, 1e20, .number(.leastNonzeroMagnitude), 1.7976931348623157e308],
            "controls": "\u{1}\u{8}\u{C}\u{1F}\u{7F}\n\r\t\"\\/", "é😀\u{2028}": "é\u{301}😀\u{2028}\u{FFFE}",
        ],
        "\u{1}\u{8}\u{C}\u{1F}\u{7F}\n\r\t\"\\/é😀\u{2028}", "", 0, -1.5, 1e-7, .unsigned(.max), true, false, nil, [],
        [:],
    ]
    /// Deeper than any document that is parsed.
    private static let deep = String(repeating: "[", count: 200) + String(repeating: "]", count: 200)

    init() throws {
        application = try TestApplication()
        owner = application.database.connect()
        user = try application.makeUser()
    }

    private func post(_ path: String, _ body: JSON, _ headers: [(String, String)] = []) throws -> HTTPAnswer {
        try application.post(path, body, token: user.token, headers: headers)
    }

    private func get(_ path: String) throws -> HTTPAnswer { try application.get(path, token: user.token) }

    private func expectCanonical(_ answer: HTTPAnswer, sourceLocation: SourceLocation = #_sourceLocation) throws {
        #expect(answer.status == 200, "\(answer.text)", sourceLocation: sourceLocation)
        let again = try JSON(parsing: answer.body, limits: .own).serialized()
        #expect(answer.body == again, "\(answer.text)", sourceLocation: sourceLocation)
    }

    /// Each value as the input of the run, of a task and of forks, and as outputs.
    @Test func recordsAreWhatParsingAndWritingThemGives() throws {
        for value in Self.values {
            let tasks = [JSON.task("a", "pass"), .task("b", "pass", value), .task("c", "pass"), .task("d", "fail")]
            let run = try post("/flow-manager", .chain(tasks, input: value))["id"]
            let fork = try post("/api/executions/\(run.stringValue ?? "")/fork", ["step": 2, "input": value])["id"]
            try application.work()
            let later = try post("/api/executions/\(fork.stringValue ?? "")/fork", ["step": 3])["id"]
            let canceled = try post("/api/executions/\(later.stringValue ?? "")/cancel", [:])
            try expectCanonical(canceled)
            let resumed = try post("/api/executions/\(later.stringValue ?? "")/resume", [:])
            #expect(resumed.status == 202, "\(resumed.text)")
            try application.work()
            for id in [run, fork, later] {
                let record = try get("/api/executions/\(id.stringValue ?? "")")
                try expectCanonical(record)
                #expect(record["input"] == value && record["result"] == .null)
                #expect(record["steps"].each("input") == [value, value, value, value])
                #expect(record["steps"].each("output") == [value, value, value, nil])
            }
        }
    }

    /// The answer of the call that executed the run, and that which is derived from its record.
    @Test func repeatedCallsAreAnsweredTheSame() throws {
        for (number, value) in Self.values.enumerated() {
            let call = JSON.chain([.task("a", "pass")], input: value)
            let key = [("Idempotency-Key", "\(number)")]
            let (first, second) = (try post("/flow-manager", call, key), try post("/flow-manager", call, key))
            #expect(first.status == 200 && first["result"] == value && first["executed_tasks"].each("data") == [value])
            #expect(second.headers["idempotency-replayed"] == "true" && second.body == first.body)
        }
    }

    @Test func documentsAreWhatParsingAndWritingThemGives() throws {
        for value in Self.values {
            let stored = try application.send("PUT", "/api/data/d", ["value": value], token: user.token)
            try expectCanonical(stored)
            #expect(stored["value"] == value)
            #expect(try get("/api/data/d").body == stored.body)
        }
    }

    @Test func workflowsAreWhatParsingAndWritingThemGives() throws {
        let flow = JSON.chain([.task("a", "pass", .array(Self.values))])["flow"] ?? .null
        let stored = try post("/api/workflows", ["name": "w", "flow": flow])
        let path = "/api/workflows/\(stored["id"].stringValue ?? "")"
        let (shown, version) = (try get(path), try get(path + "/versions/1"))
        try expectCanonical(version)
        #expect(shown.body == stored.body && version["flow"] == flow)
        #expect(shown.headers["etag"] == stored.headers["etag"])
    }

    @Test func recordsAndDocumentsAreShownWithoutParsingThem() throws {
        let answer = try post("/flow-manager", JSON.chain([.task("a", "pass"), .task("b", "pass")]))
        try owner.execute(
            "UPDATE steps SET output = \(Self.deep)::json WHERE execution_id = \(answer["id"].stringValue ?? "")")
        let record = try get("/api/executions/\(answer["id"].stringValue ?? "")")
        #expect(record.status == 200)
        // Two outputs, the second input, and the result.
        #expect(record.text.ranges(of: Self.deep).count == 4, "\(record.text)")
        _ = try application.send("PUT", "/api/data/d", ["value": 1], token: user.token)
        try owner.execute("UPDATE documents SET value = \(Self.deep)::json")
        #expect(try get("/api/data/d").text.contains(Self.deep))
        #expect(try get("/api/data?name=d").text.contains(Self.deep))
    }

    /// Calls that read and send large answers occupy half of the threads until the answers are sent.
    @Test func largeAnswersLeaveThreadsFree() throws {
        let value = JSON.string(String(repeating: "x", count: 400_000))
        let tasks =
            ["a", "b", "c"].map { JSON.task($0, "pass") } + [.task("d", "fail"), .task("e", "pass", ["x": [1, nil]])]
        let large = try post("/flow-manager", .chain(tasks, input: value))["id"].stringValue ?? ""
        let small = try post("/flow-manager", .chain([.task("a", "pass")]))["id"].stringValue ?? ""
        func reply(_ id: String) -> Reply {
            application.reply(to: Request("GET", "/api/executions/\(id)", [application.bearer(user.token)]))
        }
        let replies = (0..<2).map { _ in reply(large) }
        #expect(replies.allSatisfy { $0.initial.status == .ok && $0.onSent != nil })
        let record = HTTPAnswer(replies[0].initial)
        try expectCanonical(record)
        #expect(record["steps"].each("output") == [value, value, value, nil, ["x": [1, nil]]])
        let (refused, other) = (reply(large), reply(small))
        #expect(refused.initial.status == .tooManyRequests && refused.onSent == nil)
        #expect(other.initial.status == .ok && other.onSent == nil)
        replies[0].onSent?()
        #expect(reply(large).initial.status == .ok)
        replies[1].onSent?()
    }
}
