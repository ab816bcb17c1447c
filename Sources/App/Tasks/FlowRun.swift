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
        guard let child = try SubFlow.Result.all([id], context).first, child.status.isEnd else {
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
        let results = try SubFlow.Result.all(ids, context)
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
        guard try SubFlow.level(of: context) < SubFlow.mostLevels else {
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

    private static func level(of context: TaskContext) throws -> Int {
        try context.connection.query(
            """
            WITH RECURSIVE above AS (
                SELECT e.parent_id, 1 AS level FROM executions e WHERE e.id = \(context.executionID)
                UNION ALL
                SELECT e.parent_id, a.level + 1 FROM above a JOIN executions e ON e.id = a.parent_id
                WHERE a.level < \(mostLevels))
            SELECT coalesce(max(level), 1) FROM above
            """
        ).only.decode(Int.self)
    }

    /// The result of a run that a step started.
    struct Result {
        let status: ExecutionStatus
        let output: JSON
        let error: TaskFailure?

        var failure: TaskFailure {
            TaskFailure(code: "flow_\(status.rawValue)", message: error?.message ?? "The workflow did not complete")
        }

        /// In the order of the ids.
        static func all(_ ids: [String], _ context: TaskContext) throws -> [Result] {
            guard !ids.isEmpty else { return [] }
            return try context.connection.query(
                """
                SELECT e.status, s.output, coalesce(e.error, s.error)
                FROM unnest(\(ids)::uuid[]) WITH ORDINALITY AS wanted (id, place)
                JOIN executions e ON e.id = wanted.id
                LEFT JOIN LATERAL (
                    SELECT s.output, s.error FROM steps s WHERE s.execution_id = e.id ORDER BY s.seq DESC LIMIT 1
                ) s ON e.status <> 'running'
                ORDER BY wanted.place
                """
            ).map { row in
                let (status, output, error) = try row.decode(String.self, JSON?.self, JSON?.self)
                return Result(
                    status: ExecutionStatus(rawValue: status) ?? .failed, output: output ?? .null,
                    error: error.flatMap { TaskFailure(json: $0) })
            }
        }
    }
}
