import Flows
import JSON

/// Runs a stored workflow for each item of an array, a limited number of them at a time.
struct FlowMap: RunStartingTask {
    /// The maximum number of items, which `max_items` may lower or raise within the second.
    private static let (defaultItems, maximumItems): (Int64, Int) = (1_000, 10_000)

    let type = "map"
    let summary = "Runs one of the user's workflows for each item of an array and returns the results in the same order"
    let input = JSONSchema.object(
        required: [
            "items": JSONSchema.array(of: .any, count: 0...maximumItems).described("Each is the input of one run"),
            "workflow": SubFlow.workflow,
        ],
        optional: [
            "concurrency": SubFlow.concurrency, "version": SubFlow.version,
            "max_items": JSONSchema.integer(1...Int64(maximumItems)).described(
                "How many items there may be: with more of them the step fails. Default: 1000"),
            "max_failures": JSONSchema.integer(0...Int64(maximumItems)).described(
                "How many items may fail: with one more, the step fails at once and its active runs are canceled. If "
                    + "it is given, the output is an object that also lists the failures. Default: no item may fail, "
                    + "and the step ends with the last run"),
        ])
    let output = JSONSchema.anyOf([
        JSONSchema.array(of: .any).described("The results of the runs"),
        JSONSchema.object(required: [
            "results": JSONSchema.array(of: .any).described("The results of the runs; null for one that failed"),
            "failures": JSONSchema.array(of: FailedRun.schema, count: 0...maximumItems),
        ]).described("With `max_failures`"),
    ])

    func advance(_ input: JSON, in context: TaskContext) throws -> Progress {
        let items = input["items"]?.arrayValue ?? []
        let maxFailures = input["max_failures"]?.integerValue.map { Int($0) }
        let started = try StartedItems(context, concurrency: input["concurrency"])
        if started.isFirst, let violation = tooManyItems(input) { throw TaskFailure(invalidInput: violation) }
        if let maxFailures, started.count > 0, try context.failedRunCount() > maxFailures {
            throw try failure(items.count, context)
        }
        let next = try started.progress(of: items.count) { indices in
            let workflow = try SubFlow.named(in: input, context)
            try workflow.check(indices.map { items[$0] }, at: { "/items/\(indices[$0])" })
            return [ChildGroup(workflow, indices.map { ($0, items[$0]) })]
        }
        if let next { return next }
        return .done(try result(items.count, maxFailures, context))
    }

    func demands(of input: JSON?) -> [ChildDemand] {
        guard let items = input?["items"] else { return [.unknown] }
        let maximum = input?["max_items"].map { Int($0.integerValue ?? Int64(Self.maximumItems)) }
        let count = min(maximum ?? Int(Self.defaultItems), items.arrayValue?.count ?? .max)
        return [ChildDemand(input, count: count)]
    }

    func mistakes(in input: JSON) -> Violations { tooManyItems(input).map { [$0] } ?? [] }

    /// Nil as well if the number of the items, or their maximum, is not known yet.
    private func tooManyItems(_ input: JSON) -> Violation? {
        guard let count = input["items"]?.arrayValue?.count,
            let maximum = (input["max_items"] ?? .integer(Self.defaultItems)).integerValue, count > maximum
        else { return nil }
        return Violation(at: ["items"], "must have at most \(maximum) elements")
    }

    /// The output once all runs have ended.
    private func result(_ count: Int, _ maxFailures: Int?, _ context: TaskContext) throws -> JSON {
        let failed = try context.failedRuns(limit: Self.maximumItems)
        guard failed.count <= maxFailures ?? 0 else { throw try failure(count, context) }
        let outputs = JSON.array(try context.outputs())
        guard maxFailures != nil else { return outputs }
        return ["results": outputs, "failures": .array(failed.map { $0.json() })]
    }

    private func failure(_ count: Int, _ context: TaskContext) throws -> TaskFailure {
        TaskFailure(
            code: "items_failed", message: "\(try context.failedRunCount()) of \(count) items failed",
            failedRuns: .array(try context.failedRuns(limit: FailedRun.maximumInErrors).map { $0.json() }))
    }
}
