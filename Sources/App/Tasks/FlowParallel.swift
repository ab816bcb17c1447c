import Flows
import JSON

/// Runs different workflows side by side, a limited number of them at a time.
struct FlowParallel: WaitingTask {
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
        let started = Int(context.stored?["started"]?.integerValue ?? 0)
        if started == 0 { try check(branches) }
        let active = started > 0 ? try context.activeRuns() : 0
        let room = Int(input["concurrency"]?.integerValue ?? SubFlow.defaultConcurrency) - active
        if started < branches.count, room > 0 {
            let next = started..<min(branches.count, started + room)
            // Workflows and inputs of all branches are checked before the first one starts.
            let calls = try branches[started...].map { try call($0, context) }
            let runs = try context.start(
                zip(next, calls).map { index, call in ChildGroup(call.workflow, [(index, call.input)]) })
            return .wait(until: .runs(), storing: ["started": JSON(next.upperBound)], starting: runs)
        }
        if started < branches.count || active > 0 {
            return .wait(until: .runs(), storing: ["started": JSON(started)])
        }
        return .done(try result(branches.map(\.name), context))
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

    private func call(_ branch: JSONObject.Member, _ context: TaskContext) throws -> (workflow: StoredFlow, input: JSON)
    {
        let workflow = try SubFlow.named(in: branch.value, context)
        let input = branch.value["input"] ?? [:]
        let pointer = JSONPointer(["branches", .name(branch.name), "input"]).description
        try workflow.check([input], at: { _ in pointer })
        return (workflow, input)
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
