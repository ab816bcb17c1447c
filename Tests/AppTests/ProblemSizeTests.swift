import HTTP
import JSON
import TestSupport
import Testing

/// An error response is bounded, whatever was sent.
@Suite struct ProblemSizeTests {
    private let application: TestApplication
    private let user: TestUser

    init() throws {
        application = try TestApplication()
        user = try application.makeUser()
    }

    private static let long = String(repeating: "\u{1}x", count: 20_000)
    private static let name = JSON.string(long)

    private static let flows: [JSON] = [
        .flow(Array(repeating: .task(long), count: 4)),
        .flow((0..<1_000).map { .task("t\($0)", "no.such.type") }),
        .flow([.task("a", "pass")], Array(repeating: .condition(long, long, long), count: 1)),
        .flow(
            [.task("a", "pass")],
            (0..<4_000).map { .condition("no such task \($0)", "nor this one", "nor that one") }),
        .flow([.task("a", "pass", .object(JSONObject([.init(name: long, value: .array(templates))])))]),
        .flow([.task("a", "calc.addition", .object(JSONObject([.init(name: long, value: .array(templates))])))]),
        .flow((0..<1_000).map { .task("t\($0)", "fail", ["message": 1, "b": "{{", "c": 3, "d": 4, "e": 5]) }),
        .flow(Array(repeating: .object(JSONObject((0..<40).map { .init(name: "\($0)", value: 1) })), count: 900)),
    ]
    private static let templates = [JSON](repeating: "{{", count: 1_000)

    @Test(arguments: flows) func errorsInAFlowAreBounded(flow: JSON) throws {
        for path in ["/flow-manager", "/api/flows/validate"] {
            let answer = try application.post(path, flow, token: user.token)
            expectProblem(answer, 422, "validation_failed")
            #expect(answer.body.count < 400_000 && answer.body.count < max(50_000, flow.serialized().count))
        }
        let draft: JSON = ["name": "x", "flow": flow["flow"] ?? .null]
        let answer = try application.post("/api/workflows", draft, token: user.token)
        expectProblem(answer, 422, "validation_failed")
        #expect(answer.body.count < 400_000)
    }

    @Test func warningsAreBounded() throws {
        let conditions = (0..<4_000).map { JSON.condition($0 == 0 ? "t0" : "t\($0 % 2)", "end", "end") }
        let flow = JSON.flow((0..<1_000).map { .task("t\($0)", "pass") }, conditions)
        let answer = try application.post("/api/flows/validate", flow, token: user.token)
        #expect(answer.status == 200)
        #expect(answer["warnings"].arrayValue?.count == 100)
        #expect(answer["warnings_omitted"] == .integer(3_998 + 999 - 100))
    }

    @Test func errorsInABodyAreBounded() throws {
        let bodies: [(path: String, body: JSON)] = [
            ("/posts", .object(JSONObject((0..<9_000).map { .init(name: "member \($0)", value: 0) }))),
            ("/posts", .object(JSONObject([.init(name: Self.long, value: 0)]))),
            ("/api/keys", ["name": "x", "scopes": .array((0..<60_000).map { .string("scope \($0)") })]),
            ("/api/operations/addition/run", ["arguments": .array(Array(repeating: "x", count: 90_000))]),
        ]
        for (path, body) in bodies {
            let answer = try application.post(path, body, token: user.token)
            #expect(answer.status == 422, "\(path)")
            #expect(answer.body.count < 50_000, "\(path): \(answer.body.count)")
        }
    }

    /// Names that a message quotes.
    @Test func messagesAreBounded() throws {
        let text = "{\(Self.name.text):1,\(Self.name.text):2}"
        let twice = try application.send(
            "POST", "/posts", headers: [application.bearer(user.token), ("Content-Type", "application/json")],
            body: Array(text.utf8))
        expectProblem(twice, 400, "duplicate_name")
        #expect(twice.body.count < 10_000)
    }
}
