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

    /// A generated client makes a class of each object and of each list of choices. In place of one without a name it
    /// uses that of the place where it stands: `PostPageItemsItem`.
    @Test func objectsAndChoicesAreComponents() {
        let components = schemas?.objectValue?.members ?? []
        #expect(components.count > 50)
        for component in components {
            let nested = (component.value.objectValue?.members ?? []).flatMap { unnamed(in: $0.value) }
            #expect(nested.isEmpty, "\(component.name) contains \(nested)")
        }
        #expect(unnamed(in: Routes.document["paths"] ?? .null).isEmpty)
    }

    /// Generated code calls a choice that is no identifier `VALUE_3`, unless the document names it.
    @Test func choicesThatAreNoIdentifiersHaveNames() {
        for component in schemas?.objectValue?.members ?? [] {
            let choices = (component.value["enum"]?.arrayValue ?? []).compactMap(\.stringValue)
            guard !choices.allSatisfy({ $0.first?.isLetter == true }) else { continue }
            #expect(component.value["x-enum-varnames"]?.arrayValue?.count == choices.count, "\(component.name)")
        }
    }

    /// The texts of objects with members and of choices.
    private func unnamed(in value: JSON) -> [String] {
        switch value {
        case .object(let object):
            if object["enum"]?.arrayValue != nil || object["properties"]?.objectValue != nil { return [value.text] }
            return object.members.filter { !["example", "examples"].contains($0.name) }.flatMap {
                unnamed(in: $0.value)
            }
        case .array(let elements): return elements.flatMap(unnamed)
        default: return []
        }
    }

    /// Their items come with every field: a client need not look for each whether it is there.
    @Test(arguments: [
        ("OperationPage", "Operation"), ("TaskTypePage", "TaskType"), ("DocumentPage", "DocumentSummary"),
    ])
    func wholeListsHaveWholeItems(page: String, item: String) {
        #expect(schemas?[page]?["properties"]?["items"]?["items"] == ["$ref": .string("#/components/schemas/\(item)")])
    }

    @Test func itemsWithSelectedFieldsAreNamedAfterTheList() {
        for (page, item) in [("PostPage", "PostItem"), ("ExecutionPage", "ExecutionItem")] {
            let items = schemas?[page]?["properties"]?["items"]?["items"]
            #expect(items == ["$ref": .string("#/components/schemas/\(item)")])
            #expect(schemas?[item]?["required"] == nil)
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
