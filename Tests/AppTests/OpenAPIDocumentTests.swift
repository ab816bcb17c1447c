import App
import HTTP
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

    @Test func everyReferenceLeadsToAComponent() {
        let references = references(in: Routes.document)
        #expect(!references.isEmpty)
        for reference in references {
            let steps = reference.split(separator: "/")
            #expect(steps.count == 4 && steps.starts(with: ["#", "components"]))
            let component = steps.dropFirst().reduce(Routes.document) { (value: JSON?, step) in value?[String(step)] }
            #expect(component != nil, "\(reference)")
        }
    }

    /// What a reader finds beside each name: no operation, parameter or answer is without words.
    @Test func everythingIsDescribed() {
        for path in Routes.document["paths"]?.objectValue?.members ?? [] {
            for operation in path.value.objectValue?.members ?? [] {
                let what = "\(operation.name) \(path.name)"
                let summary = operation.value["summary"]?.stringValue ?? ""
                #expect(summary.first?.isUppercase == true && summary.last != "." && summary.count < 80, "\(what)")
                for parameter in operation.value["parameters"]?.arrayValue ?? [] {
                    #expect(parameter["description"]?.stringValue?.isEmpty == false, "\(what)")
                }
                for response in operation.value["responses"]?.objectValue?.members ?? [] {
                    #expect(response.value["description"]?.stringValue?.isEmpty == false, "\(what)")
                }
            }
        }
    }

    /// A generated client makes a class of each object in an answer: by a name that means something.
    @Test func objectsInAnswersHaveNames() {
        for endpoint in Routes.all {
            for answer in endpoint.answers where answer.schema?.propertyNames.isEmpty == false {
                #expect(answer.schema?.name != nil, "\(endpoint.operation)")
            }
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
