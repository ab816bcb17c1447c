import Flows
import JSON

/// Runs different workflows side by side, a limited number of them at a time.
struct FlowParallel: RunStartingTask {
    private static let maximumBranches = 100

    let type = "parallel"
    let summary = "Runs several of the user's workflows side by side and returns their results by the branches' names"
    let input = JSONSchema.object(
        required: [
            "branches": JSONSchema.object(additional: SubFlow.call).described(
                "What to run, by names that you choose: 1 to 100 branches, with names of at most 200 characters")
        ],
        optional: ["concurrency": SubFlow.concurrency])
    let output = JSONSchema.object(additional: .any).described("The result of each branch, by its name")

    func advance(_ input: JSON, in context: TaskContext) throws -> Progress {
        let branches = input["branches"]?.objectValue?.members ?? []
        let started = try StartedItems(context, concurrency: input["concurrency"])
        if started.isFirst { try check(branches) }
        let next = try started.progress(of: branches.count) { try $0.map { try group(branches[$0], $0, context) } }
        if let next { return next }
        return .done(try result(branches.map(\.name), context))
    }

    func demands(of input: JSON?) -> [ChildDemand] {
        guard let branches = input?["branches"]?.objectValue else { return [.unknown] }
        return branches.members.prefix(Self.maximumBranches).map { ChildDemand($0.value, count: 1) }
    }

    private func check(_ branches: [JSONObject.Member]) throws {
        guard (1...Self.maximumBranches).contains(branches.count) else {
            throw TaskFailure(
                invalidInput: Violation(at: ["branches"], "must have 1 to \(Self.maximumBranches) members"))
        }
        for name in branches.map(\.name) where name.unicodeScalars.count > 200 {
            throw TaskFailure(
                invalidInput: Violation(at: ["branches", .name(name)], "must have a name of at most 200 characters"))
        }
    }

    private func group(_ branch: JSONObject.Member, _ index: Int, _ context: TaskContext) throws -> ChildGroup {
        let workflow = try SubFlow.named(in: branch.value, context)
        let input = branch.value["input"] ?? [:]
        let pointer = JSONPointer(["branches", .name(branch.name), "input"]).description
        try workflow.check([input], at: { _ in pointer })
        return ChildGroup(workflow, [(index, input)], demand: index)
    }

    private func result(_ names: [String], _ context: TaskContext) throws -> JSON {
        let failed = try context.failedRuns(limit: names.count)
        guard failed.isEmpty else {
            throw TaskFailure(
                code: "branches_failed", message: "\(failed.count) of \(names.count) branches failed",
                failedRuns: .array(
                    failed.prefix(FailedRun.maximumInErrors).map { $0.json(branch: names[$0.item]) }))
        }
        let outputs = try context.outputs()
        return .object(JSONObject(zip(names, outputs).map { JSONObject.Member(name: $0, value: $1) }))
    }
}
