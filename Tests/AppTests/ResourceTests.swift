import JSON
import Postgres
import TestSupport
import Testing

@testable import App

/// One declaration of columns provides a schema, a SELECT and JSON that match each other.
@Suite struct ResourceTests {
    private static let resource = Resource(
        "Thing", .id("id"), .text("name").described("What it is called"), .text("note").nullable, .integer("size"),
        .integer("weight", sql: "grams / 1000").nullable, .boolean("open"), .json("value", .array(of: .integer)),
        .time("made_at", sql: "born"))
    private static let id = "00000000-0000-7000-8000-000000000001"
    private let database: TestDatabase

    init() throws { database = try TestDatabase.make() }

    private func json(name: String?, note: String?, grams: Int64?, fields: [String]? = nil) throws -> JSON {
        let row = try database.connect().query(
            """
            SELECT \(Self.resource.columns), 'more'
            FROM (VALUES (
                \(Self.id)::uuid, \(optional: name)::text, \(optional: note)::text, 5, \(optional: grams)::int8, true,
                '[1, 2]'::json, timestamptz '2026-01-02 03:04:05.678Z'
            )) things (id, name, note, size, grams, open, value, born)
            """
        ).only
        var columns = row.columns
        let text = try JSONText.object { try Self.resource.write(&columns, to: &$0, fields: fields) }
        #expect(try columns.next(String.self) == "more")
        let json = try JSON(parsing: text.bytes)
        if fields == nil { #expect(try Self.resource.json(row) == json) }
        return json
    }

    @Test func theJSONOfARowMatchesTheSchema() throws {
        let full = try json(name: "a", note: "b", grams: 7_900)
        #expect(
            full == [
                "id": .string(Self.id), "name": "a", "note": "b", "size": 5, "weight": 7, "open": true,
                "value": [1, 2], "made_at": "2026-01-02T03:04:05.678Z",
            ])
        #expect(Self.resource.schema.violations(in: full) == [])
        let bare = try json(name: "a", note: nil, grams: nil)
        #expect((bare["note"], bare["weight"]) == (.null, .null))
        #expect(Self.resource.schema.violations(in: bare) == [])
    }

    @Test func aStoredValueIsShownAsItIs() throws {
        let resource = Resource("Value", .json("value"))
        let row = try database.connect().query("SELECT '{ \"b\": 1.50, \"a\": \"\\u0041\" }'::json AS value").only
        #expect(
            try String(decoding: resource.text(row).bytes, as: UTF8.self) == #"{"value":{ "b": 1.50, "a": "\u0041" }}"#)
    }

    @Test func onlySelectedFieldsAreDecoded() throws {
        #expect(
            try json(name: nil, note: nil, grams: nil, fields: ["open", "size"]) == ["size": 5, "open": true])
    }

    @Test func nullIsRefusedWhereTheSchemaRefusesIt() {
        #expect(throws: PostgresError.self) { _ = try json(name: nil, note: nil, grams: nil) }
    }
}
