import JSON
import Testing

@Suite struct SchemaRenderingTests {
    @Test(
        arguments: [
            (.any, "{}"), (.null, #"{"type":"null"}"#), (.boolean, #"{"type":"boolean"}"#),
            (.integer(1...9), #"{"type":"integer","minimum":1,"maximum":9}"#),
            (.integer, #"{"type":"integer","format":"int64"}"#),
            (.number, #"{"type":"number"}"#), (.number(0...0.5), #"{"type":"number","minimum":0.0,"maximum":0.5}"#),
            (.string, #"{"type":"string"}"#),
            (
                .string(minLength: 1, maxLength: 9, format: .dateTime),
                #"{"type":"string","minLength":1,"maxLength":9,"format":"date-time"}"#
            ),
            (.string(enum: ["a", "b"]), #"{"type":"string","enum":["a","b"]}"#), (.constant([1]), #"{"const":[1]}"#),
            (
                .string(enum: ["-a"], names: ["A_DESC"]),
                #"{"type":"string","enum":["-a"],"x-enum-varnames":["A_DESC"]}"#
            ),
            (.array(of: .any, count: 1...2), #"{"type":"array","items":{},"minItems":1,"maxItems":2}"#),
            (
                .object(required: ["a": .null], optional: ["b": .any]),
                #"""
                {"type":"object","properties":{"a":{"type":"null"},"b":{}},"required":["a"],\#
                "additionalProperties":false}
                """#
            ),
            (.object(additional: .string), #"{"type":"object","additionalProperties":{"type":"string"}}"#),
            (.string.nullable, #"{"anyOf":[{"type":"string"},{"type":"null"}]}"#),
            (
                .boolean.described("Whether").example(true).named("Flag"),
                #"{"type":"boolean","description":"Whether","examples":[true]}"#
            ),
        ] as [(JSONSchema, String)])
    func rendersSchemas(schema: JSONSchema, text: String) {
        #expect(schema.json.text == text)
    }

    @Test func namedSchemasBecomeComponents() {
        let task = JSONSchema.object(required: ["name": .string]).named("Task")
        let flow = JSONSchema.object(required: ["tasks": .array(of: task), "first": task.nullable]).named("Flow")
        var components: [String: JSON] = [:]
        #expect(flow.render(into: &components) == ["$ref": "#/components/schemas/Flow"])
        #expect(components["Task"] == task.json)
        #expect(components["Flow"]?["properties"]?["tasks"]?["items"] == ["$ref": "#/components/schemas/Task"])
        #expect(
            components["Flow"]?["properties"]?["first"]?["anyOf"] == [
                ["$ref": "#/components/schemas/Task"], ["type": "null"],
            ])
        #expect(components.count == 2)
        #expect(flow.json["properties"]?["tasks"]?["items"] == task.json)
    }

    @Test func anUncheckedSchemaIsRenderedAsItsSchema() {
        let task = JSONSchema.object(required: ["name": .string]).named("Task")
        let call = JSONSchema.object(required: ["task": .unchecked(task).described("What to do")])
        #expect(call.json["properties"]?["task"]?["required"] == ["name"])
        var components: [String: JSON] = [:]
        #expect(
            call.render(into: &components)["properties"]?["task"] == [
                "$ref": "#/components/schemas/Task", "description": "What to do",
            ])
        #expect(components == ["Task": task.json])
    }

    @Test func aNamedSchemaMayBeDescribedWhereItIsUsed() {
        let color = JSONSchema.string(enum: ["red", "blue"]).described("A color").named("Color")
        let wall = JSONSchema.object(required: ["front": color, "back": color.described("Toward the garden")])
        var components: [String: JSON] = [:]
        let properties = wall.render(into: &components)["properties"]
        #expect(properties?["front"] == ["$ref": "#/components/schemas/Color"])
        #expect(properties?["back"] == ["$ref": "#/components/schemas/Color", "description": "Toward the garden"])
        #expect(components["Color"] == ["type": "string", "enum": ["red", "blue"], "description": "A color"])
        #expect(wall.json["properties"]?["back"]?["description"] == "Toward the garden")
    }
}
