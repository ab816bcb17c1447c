package import JSON
import System

/// A part of its input that a task evaluates itself, by what the queries of the flow see of the run. The flow defines
/// it; no template can give it.
package enum DeferredInput: Sendable {
    /// The member with this name is a JSONPath query: `TaskContext.conditionHolds` evaluates it.
    case condition(String)
    /// The member `task` names a task type without effects, and the member `input` has the templates of its input for
    /// each item, which also see `$.item` and `$.index`: `TaskContext.outputs(ofItems:)` runs it.
    case items(task: String, input: String)

    /// The names of the members that it consists of.
    var members: [String] {
        switch self {
        case .condition(let name): [name]
        case .items(let task, let input): [task, input]
        }
    }
}

extension TaskInput {
    /// What a deferred part of an input means.
    indirect enum Deferred: Sendable {
        case condition(JSONPath)
        /// The input is nil if the task gets the item itself.
        case items(any FlowTask, TaskInput?)

        /// Its queries, which see the run.
        var queries: [JSONPath] {
            switch self {
            case .condition(let query): [query]
            case .items(_, let input): (input?.queries ?? []) + (input?.deferred?.queries ?? [])
            }
        }

        /// The task type that is run for each item.
        var itemTask: (any FlowTask)? { if case .items(let task, _) = self { task } else { nil } }
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
        case .items(let name, let inputName):
            guard let type = json[name]?.stringValue else { return nil }
            let known = itemTask(type, at: "\(pointer)/\(name)")
            let place = "\(pointer)/\(inputName)"
            let input = readInput(json[inputName], for: known, of: task, at: place)
            guard let known else { return nil }
            if let input {
                check(input, for: known, at: place)
            } else {
                checkItems(json["items"]?.arrayValue ?? [], for: known, at: "\(pointer)/items")
            }
            return .items(known, input)
        }
    }

    /// The task type with that name if it can run for each item of a step; otherwise nil, which is reported.
    private mutating func itemTask(_ type: String, at pointer: String) -> (any FlowTask)? {
        guard !Template.isPossible(in: type) else {
            report(pointer, "must be the name of a task type, without templates")
            return nil
        }
        guard let known = catalog[type] else {
            report(
                pointer, "no task type '\(type)'", misspelt: type,
                among: catalog.names.filter { catalog[$0]?.runsForItems == true })
            return nil
        }
        guard known.runsForItems else {
            report(pointer, "must be a task type that only reads and computes, for one item; '\(type)' is not")
            return nil
        }
        return known
    }

    /// Reports items that do not fit the task, which gets them as its input.
    private mutating func checkItems(_ items: [JSON], for task: any FlowTask, at pointer: String) {
        for (index, item) in items.enumerated() {
            let violations = task.input.violations(in: item) { $0.isTemplate }
            problemsFound.append(contentsOf: violations, at: "\(pointer)/\(index)")
            guard violations.isEmpty, !item.isTemplate else { continue }
            mistakesFound.append(contentsOf: task.mistakes(in: item), at: "\(pointer)/\(index)")
        }
    }

    /// Reports what the task does not accept in an input that the flow defines.
    mutating func check(_ input: TaskInput, for task: any FlowTask, at pointer: String) {
        let violations = input.violations(of: task.input)
        problemsFound.append(contentsOf: violations, at: pointer)
        // Of a whole template nothing is known.
        guard violations.isEmpty, !input.definition.isTemplate else { return }
        mistakesFound.append(contentsOf: task.mistakes(in: input.definition), at: pointer)
    }
}

extension FlowTask {
    /// Whether steps of a task with `DeferredInput.items` can run it.
    fileprivate var runsForItems: Bool {
        guard effect == .pure else { return false }
        if case .items? = deferredInput { return false }
        return true
    }
}

extension DeferredInput {
    /// The members, as a part of a sentence.
    fileprivate var phrase: String { members.map { "'\($0)'" }.joined(separator: " and ") }
}

extension JSON {
    /// Whether it is a string that may contain a template.
    package var isTemplate: Bool { if case .string(let text) = self { Template.isPossible(in: text) } else { false } }
}
