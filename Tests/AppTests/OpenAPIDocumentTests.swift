import App
import HTTP
import JSON
import Testing

@Suite struct OpenAPIDocumentTests {
    private let schemas = Routes.document["components"]?["schemas"]

    /// `FlowReader` checks the flow; the document describes it nevertheless.
    @Test func describesAFlow() {
        #expect(schemas?["FlowCall"]?["properties"]?["flow"] == ["$ref": "#/components/schemas/Flow"])
        #expect(schemas?["Flow"]?["required"] == ["id", "name", "start_task", "tasks"])
        #expect(
            schemas?["Flow"]?["properties"]?["tasks"]?["items"] == ["$ref": "#/components/schemas/FlowTask"])
    }

    @Test func everyReferenceResolves() {
        let references = references(in: Routes.document)
        #expect(!references.isEmpty)
        for reference in references {
            let steps = reference.split(separator: "/")
            #expect(steps.count == 4 && steps.starts(with: ["#", "components"]))
            let component = steps.dropFirst().reduce(Routes.document) { (value: JSON?, step) in value?[String(step)] }
            #expect(component != nil, "\(reference)")
        }
    }

    /// Every operation, parameter and response has a description.
    @Test func everythingIsDescribed() {
        for path in Routes.document["paths"]?.objectValue?.members ?? [] {
            for operation in path.value.objectValue?.members ?? [] {
                let operationName = "\(operation.name) \(path.name)"
                let summary = operation.value["summary"]?.stringValue ?? ""
                #expect(
                    summary.first?.isUppercase == true && summary.last != "." && summary.count < 80, "\(operationName)")
                for parameter in operation.value["parameters"]?.arrayValue ?? [] {
                    #expect(parameter["description"]?.stringValue?.isEmpty == false, "\(operationName)")
                }
                for response in operation.value["responses"]?.objectValue?.members ?? [] {
                    #expect(response.value["description"]?.stringValue?.isEmpty == false, "\(operationName)")
                }
            }
        }
    }

    /// A generated client has a class for each object and each enumeration. It names an unnamed one after its position
    /// in the document: `PostPageItemsItem`.
    @Test func objectsAndEnumerationsAreComponents() {
        let components = schemas?.objectValue?.members ?? []
        #expect(components.count > 50)
        for component in components {
            let nested = (component.value.objectValue?.members ?? []).flatMap { unnamed(in: $0.value) }
            #expect(nested.isEmpty, "\(component.name) contains \(nested)")
        }
        #expect(unnamed(in: Routes.document["paths"] ?? .null).isEmpty)
    }

    /// Generated code names a value that is no identifier `VALUE_3`, unless the document gives it a name.
    @Test func enumerationValuesThatAreNoIdentifiersHaveNames() {
        for component in schemas?.objectValue?.members ?? [] {
            let values = (component.value["enum"]?.arrayValue ?? []).compactMap(\.stringValue)
            guard !values.allSatisfy({ $0.first?.isLetter == true }) else { continue }
            #expect(component.value["x-enum-varnames"]?.arrayValue?.count == values.count, "\(component.name)")
        }
    }

    /// The texts of objects with members and of enumerations.
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

    /// The items of these lists have all fields, so a client need not check which are present.
    @Test(arguments: [
        ("OperationPage", "Operation"), ("TaskTypePage", "TaskType"), ("DocumentPage", "DocumentSummary"),
    ])
    func listsWithoutFieldSelectionHaveCompleteItems(page: String, item: String) {
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
