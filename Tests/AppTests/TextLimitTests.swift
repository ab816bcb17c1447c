import App
import Flows
import HTTP
import JSON
import Testing

/// Every text that a caller sends or receives has a maximum length.
@Suite struct TextLimitTests {
    /// The locations of strings without a limit.
    private func unlimited(_ schema: JSON, at location: String) -> [String] {
        var found: [String] = []
        if schema["type"] == "string", schema["maxLength"] == nil, schema["enum"] == nil, schema["format"] != "uuid" {
            found.append(location)
        }
        if schema["type"] == "array", schema["maxItems"] == nil { found.append(location) }
        switch schema {
        case .object(let object):
            for member in object.members where member.name != "examples" {
                found += unlimited(member.value, at: "\(location)/\(member.name)")
            }
        case .array(let elements):
            for (index, element) in elements.enumerated() { found += unlimited(element, at: "\(location)/\(index)") }
        default: break
        }
        return found
    }

    @Test func everyTextOfABodyHasAMaximumLength() {
        #expect(unlimited(["type": "object", "properties": ["a": ["type": "string"]]], at: "") == ["/properties/a"])
        let found = Routes.all.flatMap { endpoint in
            endpoint.body.schema.map { unlimited($0.json, at: "\(endpoint.method) \(endpoint.path) ") } ?? []
        }
        #expect(found == [])
    }

    @Test func everyTextOfAPathHasAMaximumLength() {
        let found = Routes.all.flatMap { endpoint in
            endpoint.parameters.flatMap { unlimited($0.schema.json, at: "\(endpoint.path) \($0.name)") }
        }
        #expect(found == [])
    }

    @Test func everyTextOfAQueryHasAMaximumLength() {
        let found = Routes.all.flatMap { endpoint in
            endpoint.query.flatMap { unlimited($0.schema.json, at: "\(endpoint.path)?\($0.name)") }
        }
        #expect(found == [])
    }

    @Test func everyTextOfATasksInputHasAMaximumLength() {
        #expect(Tasks.makeCatalog().tasks.flatMap { unlimited($0.input.json, at: $0.type) } == [])
    }

    /// The form of a time that the program writes limits its length.
    @Test func everyTextOfAnAnswerHasAMaximumLength() {
        let schemas = Routes.all.flatMap { endpoint in
            endpoint.answers.filter { $0.contentType == "application/json" }.compactMap { answer in
                answer.schema.map { ("\(endpoint.method) \(endpoint.path) \(answer.status.rawValue) ", $0.json) }
            }
        }
        let found = (schemas + [("problem ", Problem.schema.json)]).flatMap { unlimited(withoutTimes($1), at: $0) }
        #expect(found == [])
    }

    private func withoutTimes(_ schema: JSON) -> JSON {
        switch schema {
        case .object(let object) where object["format"] == "date-time": ["type": "null"]
        case .object(let object):
            .object(JSONObject(object.members.map { .init(name: $0.name, value: withoutTimes($0.value)) }))
        case .array(let elements): .array(elements.map(withoutTimes))
        default: schema
        }
    }
}
