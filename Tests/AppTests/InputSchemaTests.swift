import Flows
import HTTP
import JSON
import TestSupport
import Testing

@testable import App

/// The `input_schema` of a workflow.
@Suite struct InputSchemaTests {
    let application: TestApplication
    let user: TestUser
    private static let schema: JSON = [
        "type": "object", "required": ["amount"],
        "properties": ["amount": ["type": "integer", "minimum": 1], "note": ["type": "string", "maxLength": 3]],
    ]

    init() throws {
        application = try TestApplication()
        user = try application.makeUser()
    }

    private func store(_ more: [String: JSON] = ["input_schema": schema]) throws -> String {
        let made = try application.post("/api/workflows", .workflow("a", more), token: user.token)
        #expect(made.status == 201, "\(made.text)")
        return try #require(made.headers["location"])
    }

    @Test func itIsPartOfTheVersion() throws {
        let path = try store()
        #expect(try application.get(path, token: user.token)["input_schema"] == Self.schema)
        let without = try application.send("PUT", path, .workflow("a"), token: user.token)
        #expect(without["version"] == 2 && without["input_schema"] == .null, "\(without.text)")
        let same = try application.send("PUT", path, .workflow("a", ["input_schema": .null]), token: user.token)
        #expect(same["version"] == 2)
        #expect(try application.get("\(path)/versions/1", token: user.token)["input_schema"] == Self.schema)
        let back = try application.post("\(path)/rollback", ["version": 1], token: user.token)
        #expect(back["version"] == 3 && back["input_schema"] == Self.schema)
        let list = try application.get("/api/workflows", token: user.token)["items"].arrayValue
        #expect(list?.first?["input_schema"] == nil && list?.count == 1)
    }

    @Test func aSchemaThatCannotBeCheckedIsRefused() throws {
        let answer = try application.post(
            "/api/workflows",
            .workflow("a", ["input_schema": ["type": "object", "properties": ["a": ["pattern": "x"]]]]),
            token: user.token)
        expectProblem(answer, 422, "validation_failed")
        #expect(pointers(answer) == ["/input_schema/properties/a/pattern"])
        let list = try application.post("/api/workflows", .workflow("a", ["input_schema": [1]]), token: user.token)
        #expect(pointers(list) == ["/input_schema"])
    }

    @Test func inputIsCheckedWhenARunIsAskedFor() throws {
        let path = try store()
        for (body, expected) in [
            ([:], ["/input/amount"]), (["input": [:]], ["/input/amount"]), (["input": 1], ["/input"]),
            (["input": ["amount": 0, "note": "long"]], ["/input/amount", "/input/note"]),
        ] as [(JSON, [String])] {
            let answer = try application.post("\(path)/execute", body, token: user.token)
            expectProblem(answer, 422, "validation_failed")
            #expect(pointers(answer) == expected)
        }
        let accepted = try application.post("\(path)/execute", ["input": ["amount": 2, "x": 1]], token: user.token)
        #expect(accepted.status == 202, "\(accepted.text)")
        _ = try application.send("PUT", path, .workflow("a"), token: user.token)
        let older = try application.post("\(path)/execute", ["version": 1], token: user.token)
        #expect(pointers(older) == ["/input/amount"])
        #expect(try application.post("\(path)/execute", [:], token: user.token).status == 202)
    }

    @Test func itCountsAsStored() throws {
        func bytes() throws -> Int64 {
            while try application.services.engine.storage.fold(on: application.connection) {}
            return try #require(try application.get("/me", token: user.token)["storage"]["bytes"]?.integerValue)
        }
        _ = try store([:])
        let without = try bytes()
        _ = try store()
        #expect(try bytes() == 2 * without + Int64(Self.schema.serialized().count))
    }

    /// A step that starts runs fails with the pointer, before the first of them starts.
    @Test func inputIsCheckedWhenAStepStartsRuns() throws {
        let id = try #require(try store().split(separator: "/").last.map(String.init))
        let (run, map): (JSON, JSON) = (
            .task("r", "flow.run", ["workflow": .string(id), "input": ["amount": "3"]]),
            .task("m", "map", ["workflow": .string(id), "items": [["amount": 1], ["amount": 2, "note": "long"]]])
        )
        for (task, message) in [
            (run, "/input/amount: must be an integer"), (map, "/items/1/note: must have at most 3 characters"),
        ] {
            let parent = try application.post(
                "/flow-manager", .flow([task]), token: user.token, headers: [("Prefer", "wait=0")])
            try application.work()
            let path = try #require(parent.headers["location"])
            let ended = try application.get(path, token: user.token)
            #expect(ended["status"] == "failed", "\(ended.text)")
            #expect(ended["error"] == ["code": "invalid_input", "message": .string(message)])
        }
        #expect(try application.get("/api/workflows/\(id)/executions", token: user.token)["items"] == [])
    }

    @Test func aForkIsCheckedByItsVersion() throws {
        let path = try store([:])
        let run = try application.post("\(path)/execute", ["input": ["amount": 0]], token: user.token)
        try application.work()
        _ = try application.send("PUT", path, .workflow("a", ["input_schema": Self.schema]), token: user.token)
        let fork = "\(try #require(run.headers["location"]))/fork"
        let newer = try application.post(fork, ["step": 1, "version": 2], token: user.token)
        #expect(pointers(newer) == ["/version"], "\(newer.text)")
        #expect(try application.post(fork, ["step": 1], token: user.token).status == 202)
    }

    @Test func exportAndImportKeepIt() throws {
        let exported = try application.get("\(try store())/export", token: user.token)
        #expect(exported["input_schema"] == Self.schema)
        let imported = try application.post("/api/workflows/import", exported.json, token: user.token)
        #expect(imported.status == 201 && imported["input_schema"] == Self.schema, "\(imported.text)")
    }
}
