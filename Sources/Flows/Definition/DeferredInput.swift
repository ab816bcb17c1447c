import JSON
import System

/// A part of its input that a task evaluates itself, by what the queries of the flow see of the run. The flow defines
/// it; no template can give it.
package enum DeferredInput: Sendable {
    /// The member with this name is a JSONPath query: `TaskContext.conditionHolds` evaluates it.
    case condition(String)

    /// The names of the members that it consists of.
    var members: [String] {
        switch self {
        case .condition(let name): [name]
        }
    }
}

extension TaskInput {
    /// What a deferred part of an input means.
    enum Deferred: Sendable {
        case condition(JSONPath)

        /// Its queries, which see the run.
        var queries: [JSONPath] {
            switch self {
            case .condition(let query): [query]
            }
        }
    }
}

extension FlowReader {
    /// Reads the input of a task, and reports what is not valid in its templates and queries.
    ///
    /// - Parameters:
    ///   - json: nil: the flow defines no input.
    ///   - task: the position of the task.
    mutating func readInput(
        _ json: JSON?, for known: (any FlowTask)?, of task: Int, at pointer: String
    ) -> TaskInput? {
        let part = known?.deferredInput
        guard let json else {
            if let part { report(pointer, "is required, because a flow defines \(part.phrase)") }
            return nil
        }
        let deferred = part.flatMap { read($0, in: json, of: task, at: pointer) }
        return TaskInput(json, leaving: part?.members ?? [], as: deferred) { path, query in
            let place = pointer + JSONPointer(path).description
            switch query {
            case .success(let query):
                queries.append(PlacedQuery(query: query, pointer: place, task: task, isAfterTask: false))
            case .failure(let error): report(place, "is not a template: \(error)")
            }
        }
    }

    /// Nil, which is reported, if it is not valid. What the schema of the task refuses is reported by that.
    private mutating func read(
        _ part: DeferredInput, in json: JSON, of task: Int, at pointer: String
    ) -> TaskInput.Deferred? {
        guard json.objectValue != nil else {
            if json.isTemplate { report(pointer, "must be an object, because a flow defines \(part.phrase)") }
            return nil
        }
        switch part {
        case .condition(let name):
            guard let text = json[name]?.stringValue else { return nil }
            return query(text, after: task, at: "\(pointer)/\(name)", isAfterTask: false).map { .condition($0) }
        }
    }
}

extension DeferredInput {
    /// The members, as a part of a sentence.
    fileprivate var phrase: String { members.map { "'\($0)'" }.joined(separator: " and ") }
}

extension JSON {
    /// Whether it is a string that may contain a template.
    var isTemplate: Bool { if case .string(let text) = self { Template.isPossible(in: text) } else { false } }
}
