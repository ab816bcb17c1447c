import JSON
import Testing

/// Schemas that callers write.
@Suite struct SchemaReaderTests {
    private func read(_ document: JSON) -> (schema: JSONSchema?, problems: [Violation]) {
        var reader = JSONSchemaReader()
        let schema = reader.read(document)
        return (schema, Array(reader.problems))
    }

    /// What a schema renders as is what it was read from: the reader understands all that `JSONSchema` can express.
    @Test(
        arguments: [
            [:], ["type": "null"], ["type": "boolean"], ["type": "integer", "minimum": 1, "maximum": 9],
            ["type": "number", "minimum": 0.5, "maximum": 2.5], ["type": "string", "minLength": 1, "maxLength": 9],
            ["type": "string", "format": "email"], ["type": "string", "format": "uuid"],
            ["type": "string", "format": "date-time"], ["type": "string", "enum": ["a", "b"]], ["const": [1, "x"]],
            ["type": "array", "items": ["type": "null"], "minItems": 1, "maxItems": 4],
            [
                "type": "object", "properties": ["a": ["type": "null"], "b": [:]], "required": ["a"],
                "additionalProperties": false,
            ],
            ["type": "object", "additionalProperties": ["type": "boolean"]],
            ["anyOf": [["type": "string"], ["type": "null"]]],
        ] as [JSON])
    func readsWhatSchemasRender(document: JSON) throws {
        let (schema, problems) = read(document)
        #expect(try #require(schema, "\(problems)").json == document)
    }

    @Test func unknownMembersAreAcceptedUnlessRefused() throws {
        let open = try #require(read(["type": "object", "properties": ["a": ["type": "integer"]]]).schema)
        #expect(open.violations(in: ["b": 1]).isEmpty)
        #expect(open.violations(in: ["a": 1.5]).map(\.pointer) == ["/a"])
        let required = try #require(read(["type": "object", "required": ["a"]]).schema)
        #expect(required.violations(in: ["b": 1]).map(\.pointer) == ["/a"])
        let closed = try #require(read(["type": "object", "additionalProperties": false]).schema)
        #expect(closed.violations(in: ["b": 1]).map(\.pointer) == ["/b"])
    }

    @Test func checksFormatsAndOneSidedLimits() throws {
        let time = try #require(read(["type": "string", "format": "date-time"]).schema)
        #expect(time.violations(in: "2026-02-03T04:05:06Z").isEmpty)
        #expect(!time.violations(in: "2026-02-30T04:05:06Z").isEmpty && !time.violations(in: "tomorrow").isEmpty)
        let positive = try #require(read(["type": "number", "minimum": 0]).schema)
        #expect(positive.violations(in: 1e308).isEmpty && !positive.violations(in: -0.1).isEmpty)
        let short = try #require(read(["type": "string", "maxLength": 2]).schema)
        #expect(short.violations(in: "").isEmpty && !short.violations(in: "abc").isEmpty)
    }

    @Test(
        arguments: [
            (1, [""]), (true, [""]), (["type": "text"], ["/type"]), (["type": ["string", "null"]], ["/type"]),
            (["type": "string", "pattern": "^a"], ["/pattern"]), (["$ref": "#/x"], ["/$ref"]),
            (["type": "number", "multipleOf": 2, "minimum": "1"], ["/multipleOf", "/minimum"]),
            (["minLength": 1], ["/minLength"]), (["type": "string", "minimum": 1], ["/minimum"]),
            (["type": "string", "format": "ipv4"], ["/format"]), (["type": "string", "minLength": -1], ["/minLength"]),
            (["type": "integer", "minimum": 1.5], ["/minimum"]),
            (["type": "integer", "minimum": 2, "maximum": 1], [""]),
            (["enum": [1]], ["/enum"]), (["enum": []], ["/enum"]), (["type": "string", "const": 1], ["/const"]),
            (["type": "string", "maxLength": 1, "enum": ["a", "bc"]], ["/enum/1"]),
            (["anyOf": []], ["/anyOf"]), (["type": "string", "anyOf": [["type": "null"]]], ["/type"]),
            (["type": "object", "properties": ["a/b": ["type": "x"]]], ["/properties/a~1b/type"]),
            (["type": "object", "properties": []], ["/properties"]), (["type": "array", "items": [[:]]], ["/items"]),
            (["type": "object", "required": ["a", "a"]], ["/required"]),
            (["type": "object", "required": ["a"], "additionalProperties": false], ["/required/0"]),
            (["title": "a\u{0}"], ["/title"]), (["$schema": "http://json-schema.org/draft-07/schema#"], ["/$schema"]),
        ] as [(JSON, [String])])
    func refusesWhatItCannotCheck(document: JSON, pointers: [String]) {
        let (schema, problems) = read(document)
        #expect(schema == nil)
        #expect(problems.map(\.pointer) == pointers, "\(document.text): \(problems)")
    }

    @Test func suggestsTheNearestKeyword() {
        #expect(read(["type": "string", "maxLenght": 1]).problems.map(\.hint) == ["did you mean 'maxLength'?"])
    }

    @Test func boundsTheSize() {
        func nested(_ depth: Int) -> JSON {
            (1..<depth).reduce(["type": "null"]) { schema, _ in ["type": "array", "items": schema] }
        }
        func object(_ count: Int) -> JSON {
            let members = (0..<count).map { JSONObject.Member(name: "m\($0)", value: [:]) }
            return ["type": "object", "properties": .object(JSONObject(members))]
        }
        func alternatives(_ count: Int, _ of: JSON) -> JSON {
            ["anyOf": .array(Array(repeating: of, count: count))]
        }
        #expect(read(nested(JSONSchemaReader.maximumDepth)).problems.isEmpty)
        #expect(read(nested(JSONSchemaReader.maximumDepth + 1)).problems.count == 1)
        #expect(read(object(JSONSchemaReader.maximumCount - 1)).problems.isEmpty)
        #expect(read(object(JSONSchemaReader.maximumCount + 50)).problems.count == 1)
        #expect(read(alternatives(4, alternatives(4, [:]))).problems.isEmpty)
        #expect(Set(read(alternatives(4, alternatives(5, [:]))).problems.map(\.message)).count == 1)
        let long = String(repeating: "a", count: JSONSchemaReader.maximumBytes)
        #expect(read(["title": .string(long)]).problems.map(\.pointer) == [""])
    }
}
