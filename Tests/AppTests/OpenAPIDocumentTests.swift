import App
import JSON
import Testing

@Suite struct OpenAPIDocumentTests {
    private let schemas = Routes.document["components"]?["schemas"]

    /// The body of a run is checked by `FlowReader`, and yet described.
    @Test func describesAFlow() {
        #expect(schemas?["FlowCall"]?["properties"]?["flow"] == ["$ref": "#/components/schemas/Flow"])
        #expect(schemas?["Flow"]?["required"] == ["id", "name", "start_task", "tasks"])
        #expect(
            schemas?["Flow"]?["properties"]?["tasks"]?["items"] == ["$ref": "#/components/schemas/FlowTask"])
    }

    @Test func everyReferenceLeadsToASchema() {
        let references = references(in: Routes.document)
        #expect(!references.isEmpty)
        for reference in references {
            #expect(reference.hasPrefix("#/components/schemas/"))
            #expect(schemas?[String(reference.dropFirst("#/components/schemas/".count))] != nil, "\(reference)")
        }
    }

    private func references(in value: JSON) -> Set<String> {
        switch value {
        case .object(let object):
            object.members.reduce(into: []) { found, member in
                if member.name == "$ref", let reference = member.value.stringValue { found.insert(reference) }
                found.formUnion(references(in: member.value))
            }
        case .array(let elements): elements.reduce(into: []) { $0.formUnion(references(in: $1)) }
        default: []
        }
    }
}
