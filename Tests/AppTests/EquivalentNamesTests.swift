import HTTP
import JSON
import TestSupport
import Testing

@testable import App

/// Names that are canonically equivalent but consist of different bytes are different names.
@Suite struct EquivalentNamesTests {
    private static let composed = "\u{E9}"
    private static let decomposed = "e\u{301}"

    @Test func aFlowMayHaveTasksWithEquivalentNames() throws {
        let application = try TestApplication()
        let user = try application.makeUser()
        let flow = JSON.chain([
            .task(Self.composed, "pass", 1), .task(Self.decomposed, "pass", 2), .task("K", "pass"),
            .task("\u{212A}", "pass", ["e\u{301}": 3, "\u{E9}": 4]),
        ])
        let answer = try application.post("/flow-manager", flow, token: user.token)
        #expect(answer.status == 200, "\(answer.text)")
        #expect(answer["executed_tasks"].each("data") == [1, 2, 2, ["e\u{301}": 3, "\u{E9}": 4]])
        let id = answer["execution_id"].stringValue ?? ""
        let record = try application.get("/api/executions/\(id)", token: user.token)
        #expect(record["steps"].each("input") == [1, 2, 2, ["e\u{301}": 3, "\u{E9}": 4]])
        #expect(record["steps"].each("task") == [.string(Self.composed), .string(Self.decomposed), "K", "\u{212A}"])
    }

    @Test func anUnknownTaskIsNotTheEquivalentOne() throws {
        let application = try TestApplication()
        let user = try application.makeUser()
        let flow = JSON.flow([.task(Self.composed, "pass")], [.condition(Self.decomposed, "end", "end")])
        let answer = try application.post("/flow-manager", flow, token: user.token)
        expectProblem(answer, 422, "validation_failed")
        #expect(pointers(answer) == ["/flow/conditions/0/source_task"])
    }

    @Test func aCombiningMarkHidesNoTemplate() throws {
        let application = try TestApplication()
        let user = try application.makeUser()
        let flow = JSON.flow([.task("a", "pass", "{{\u{301} x }}")])
        expectProblem(try application.post("/flow-manager", flow, token: user.token), 422, "validation_failed")
    }

    @Test func documentsWithEquivalentNamesAreDifferent() throws {
        let application = try TestApplication()
        let user = try application.makeUser()
        for (name, value) in [("%C3%A9", 1), ("e%CC%81", 2)] as [(String, JSON)] {
            let answer = try application.send("PUT", "/api/data/\(name)", ["value": value], token: user.token)
            #expect(answer.status == 200)
        }
        #expect(try application.get("/api/data/%C3%A9", token: user.token)["value"] == 1)
        #expect(try application.get("/api/data/e%CC%81", token: user.token)["value"] == 2)
    }

    @Test func queryFieldsWithEquivalentNamesAreDifferent() throws {
        let application = try TestApplication()
        let user = try application.makeUser()
        let answer = try application.get("/posts?%C3%A9=1&e%CC%81=2", token: user.token)
        expectProblem(answer, 400, "bad_request")
        #expect(answer["message"].stringValue?.hasPrefix("Unknown query field") == true)
    }
}
