import Flows
import JSON

/// A task with a body that the test gives.
struct TestTask: FlowTask {
    let type: String
    let summary = "For tests"
    let effect: Effect
    let input: JSONSchema
    let output = JSONSchema.any
    private let body: @Sendable (JSON, TaskContext) throws -> JSON

    init(
        _ type: String, effect: Effect = .pure, input: JSONSchema = .any,
        body: @escaping @Sendable (JSON, TaskContext) throws -> JSON = { input, _ in input }
    ) {
        self.type = type
        self.effect = effect
        self.input = input
        self.body = body
    }

    func run(_ input: JSON, in context: TaskContext) throws -> JSON { try body(input, context) }
}

extension TaskCatalog {
    /// One task of each kind.
    static let plain = TaskCatalog(
        [
            TestTask("pass"), TestTask("sum", input: .object(required: ["numbers": .array(of: .number)])),
            TestTask("keep", effect: .transactional),
            TestTask("fail") { _, _ in throw TaskFailure(code: "failed", message: "on purpose") },
            TestTask("data.fetch"), TestTask("data.process"), TestTask("data.store", effect: .transactional),
        ],
        aliases: ["task1": "data.fetch", "task2": "data.process", "task3": "data.store"])
}

/// Flows as JSON.
enum FlowText {
    /// A flow with this start task, tasks as `name: type`, and conditions.
    static func flow(start: String, _ tasks: KeyValuePairs<String, String>, _ conditions: [JSON] = []) -> JSON {
        [
            "id": "f1", "name": "Test", "start_task": .string(start),
            "tasks": .array(tasks.map { ["name": .string($0.key), "type": .string($0.value)] }),
            "conditions": .array(conditions),
        ]
    }

    static func condition(
        _ name: String, after source: String, success: String, failure: String = "end", outcome: String? = nil
    ) -> JSON {
        var condition = JSONObject([
            .init(name: "name", value: .string(name)), .init(name: "source_task", value: .string(source)),
            .init(name: "target_task_success", value: .string(success)),
            .init(name: "target_task_failure", value: .string(failure)),
        ])
        if let outcome { condition["outcome"] = .string(outcome) }
        return .object(condition)
    }

    /// Tasks `t1`, `t2`, … of these types, each leading to the next when it succeeds, to `end` when it fails.
    static func chain(_ types: [String]) -> JSON {
        let names = types.indices.map { "t\($0 + 1)" }
        return [
            "id": "f1", "name": "Test", "start_task": "t1",
            "tasks": .array(zip(names, types).map { ["name": .string($0), "type": .string($1)] }),
            "conditions": .array(
                zip(names, names.dropFirst()).map { condition("after_\($0)", after: $0, success: $1) }),
        ]
    }
}

extension JSON {
    /// This value with the value at the path replaced; nil removes a member. A path that does not exist is appended.
    func replacing(_ path: [String], with value: JSON?) -> JSON {
        guard let step = path.first else { return value ?? .null }
        let rest = Array(path.dropFirst())
        switch self {
        case .object(var object):
            object[step] = rest.isEmpty ? value : (object[step] ?? .null).replacing(rest, with: value)
            return .object(object)
        case .array(var elements):
            if let index = Int(step), elements.indices.contains(index) {
                elements[index] = elements[index].replacing(rest, with: value)
            } else {
                elements.append(value ?? .null)
            }
            return .array(elements)
        default: return self
        }
    }

    /// The paths of all values in this one, its own first.
    var paths: [[String]] {
        let inner: [[String]] =
            switch self {
            case .object(let object):
                object.members.flatMap { member in member.value.paths.map { [member.name] + $0 } }
            case .array(let elements):
                elements.enumerated().flatMap { index, value in value.paths.map { ["\(index)"] + $0 } }
            default: []
            }
        return [[]] + inner
    }
}
