import Crypto
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
        guard let id = context.kept?["execution_id"]?.stringValue else {
            let start = try SubFlow(input, count: 1, context)
            let child = start.run(on: input["input"] ?? [:], item: 0, of: context)
            return .wait(
                until: .woken, keeping: ["execution_id": .string(child.id)], together: try start.statements([child]))
        }
        guard let child = try RunResult.all([id], on: context.connection).first, child.status.isEnd else {
            return .wait(until: .woken, keeping: ["execution_id": .string(id)])
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
        let ids = context.kept?["executions"]?.arrayValue?.compactMap(\.stringValue) ?? []
        let results = try RunResult.all(ids, on: context.connection)
        let open = results.count { !$0.status.isEnd }
        let room = Int(input["concurrency"]?.integerValue ?? 10) - open
        if ids.count < items.count, room > 0 {
            let next = ids.count..<min(items.count, ids.count + room)
            let start = try SubFlow(input, count: next.count, context)
            let children = next.map { start.run(on: items[$0], item: $0, of: context) }
            return .wait(
                until: .woken, keeping: ["executions": .array((ids + children.map(\.id)).map(JSON.string))],
                together: try start.statements(children))
        }
        if ids.count < items.count || open > 0 {
            return .wait(until: .woken, keeping: ["executions": .array(ids.map(JSON.string))])
        }
        let failed = results.count { $0.status != .completed }
        guard failed == 0 else {
            throw TaskFailure(code: "items_failed", message: "\(failed) of \(items.count) items failed")
        }
        return .done(.array(results.map(\.output)))
    }
}

/// The workflow of the runs that a step starts.
private struct SubFlow {
    /// The maximum depth of runs that start runs; it prevents a workflow that runs itself from filling the queue.
    private static let mostLevels = 10

    static let workflow = JSONSchema.string(format: .uuid).described("The workflow's id")
    static let version = JSONSchema.integer(1...Int64(Int32.max)).described(
        "The version to run. Default: the current one")

    let id: String
    let stored: StoredFlow
    let budget: Budget

    /// - Parameter count: the number of runs to start at once.
    init(_ input: JSON, count: Int, _ context: TaskContext) throws {
        id = input["workflow"]?.stringValue ?? ""
        let version = input["version"]?.integerValue.map { Int($0) }
        guard
            let stored = try StoredFlow.find(id, of: context.userID, version: version, on: context.connection)
        else { throw TaskFailure(code: "workflow_not_found", message: "There is no workflow with this id and version") }
        var reader = FlowReader(catalog: Tasks.catalog)
        guard let flow = reader.read(stored.flow) else {
            throw TaskFailure(code: "workflow_invalid", message: "The workflow names a task type that no longer exists")
        }
        let depth = try Execution.depth(
            of: context.executionID, limit: SubFlow.mostLevels, on: context.connection)
        guard depth < SubFlow.mostLevels else {
            throw TaskFailure(
                code: "too_deep", message: "Runs may start runs at most \(SubFlow.mostLevels) levels deep")
        }
        let prices = try PriceList(on: context.connection)
        guard flow.taskTypes.allSatisfy(prices.isActive) else {
            throw TaskFailure(code: "task_inactive", message: "A task type of the workflow is switched off")
        }
        guard try Queue.hasRoom(for: context.userID, count: count, on: context.connection) else {
            throw TaskFailure(code: "too_many_runs", message: "Too many of the user's runs are active")
        }
        self.stored = stored
        budget = Budget(for: flow, at: prices)
        guard try budget.isCovered(by: context.userID, times: count, on: context.connection) else {
            throw TaskFailure.insufficientCredits
        }
    }

    func run(on input: JSON, item: Int, of context: TaskContext) -> Execution {
        var child = Execution(
            id: UUIDv7.make(), userID: context.userID,
            source: .workflow(id: id, version: stored.version, concurrency: stored.concurrency), flow: stored.flow,
            input: input)
        child.parent = Execution.Parent(executionID: context.executionID, step: context.step, item: item)
        return child
    }

    func statements(_ children: [Execution]) throws -> [SQL] {
        children.flatMap { Queue.enqueue($0, budget: budget, maxConcurrentRuns: nil) }
    }
}

extension RunResult {
    /// Why a step fails whose run did not complete.
    fileprivate var failure: TaskFailure {
        TaskFailure(code: "flow_\(status.rawValue)", message: error?.message ?? "The workflow did not complete")
    }
}
