import Flows
import JSON
import Postgres

/// Runs a stored workflow and waits for its result.
struct FlowRun: WaitingTask {
    let type = "flow.run"
    let summary = "Runs one of the user's workflows and returns its result"
    let input = JSONSchema.object(
        required: ["workflow": SubFlow.workflow],
        optional: [
            "input": JSONSchema.any.described("The input of the run. Default: {}"), "version": SubFlow.version,
        ])
    let output = JSONSchema.any.described("The result of the run")

    func advance(_ input: JSON, in context: TaskContext) throws -> Progress {
        guard let id = context.stored?["execution_id"]?.stringValue else {
            let workflow = try SubFlow.named(in: input, context)
            try workflow.check([input["input"] ?? [:]], at: { _ in "/input" })
            let started = try context.start(workflow, on: [input["input"] ?? [:]])
            return .wait(until: .runs(), storing: ["execution_id": .string(started.ids[0])], starting: started)
        }
        guard let child = try RunResult.find(id, on: context.connection), child.status.isEnd else {
            return .wait(until: .runs(), storing: ["execution_id": .string(id)])
        }
        guard child.status == .completed else { throw child.failure }
        return .done(child.output)
    }
}

/// Runs a stored workflow for each item of an array, a limited number of them at a time.
struct FlowMap: WaitingTask {
    let type = "map"
    let summary = "Runs one of the user's workflows for each item of an array and returns the results in the same order"
    let input = JSONSchema.object(
        required: [
            "items": JSONSchema.array(of: .any, count: 0...1_000).described("Each is the input of one run"),
            "workflow": SubFlow.workflow,
        ],
        optional: [
            "concurrency": JSONSchema.integer(1...100).described("Maximum number of concurrent runs. Default: 10"),
            "version": SubFlow.version,
        ])
    let output = JSONSchema.array(of: .any).described("The results of the runs")

    func advance(_ input: JSON, in context: TaskContext) throws -> Progress {
        let items = input["items"]?.arrayValue ?? []
        let started = Int(context.stored?["started"]?.integerValue ?? 0)
        let active = started > 0 ? try context.activeRuns() : 0
        let room = Int(input["concurrency"]?.integerValue ?? 10) - active
        if started < items.count, room > 0 {
            let next = started..<min(items.count, started + room)
            let workflow = try SubFlow.named(in: input, context)
            // All of them before the first one starts, and again if the newest version has changed since.
            try workflow.check(Array(items[started...]), at: { "/items/\(started + $0)" })
            let runs = try context.start(workflow, on: Array(items[next]), firstItem: next.lowerBound)
            return .wait(until: .runs(), storing: ["started": JSON(next.upperBound)], starting: runs)
        }
        if started < items.count || active > 0 {
            return .wait(until: .runs(), storing: ["started": JSON(started)])
        }
        let failed = try context.failedRuns()
        guard failed == 0 else {
            throw TaskFailure(code: "items_failed", message: "\(failed) of \(items.count) items failed")
        }
        return .done(.array(try context.outputs()))
    }
}

/// The members of the input that name the workflow of the runs that a step starts.
private enum SubFlow {
    static let workflow = JSONSchema.string(minLength: 1, maxLength: WorkflowKey.maximumLength).described(
        "The workflow's id or its key")
    static let version = JSONSchema.integer(1...Int64(Int32.max)).described(
        "The version to run. Default: the current one")

    /// The user's workflow that the input names.
    static func named(in input: JSON, _ context: TaskContext) throws -> StoredFlow {
        let version = input["version"]?.integerValue.map { Int($0) }
        guard
            let found = try StoredFlow.find(
                input["workflow"]?.stringValue ?? "", of: context.userID, version: version, on: context.connection)
        else { throw TaskFailure.workflowNotFound }
        return found
    }
}

extension RunResult {
    /// Why a step fails whose run did not complete.
    fileprivate var failure: TaskFailure {
        TaskFailure(code: "flow_\(status.rawValue)", message: error?.message ?? "The workflow did not complete")
    }
}
