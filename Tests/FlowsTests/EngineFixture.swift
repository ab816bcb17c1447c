import Crypto
import JSON
import Postgres
import TestSupport
import Testing

@testable import Flows

/// Waits for a signal and returns it, like `approval`.
private struct Question: WaitingTask {
    let type = "question"
    let takesSignal = true
    let summary = "Waits for an answer"
    let input = JSONSchema.any
    let output = JSONSchema.any

    func advance(_ input: JSON, in context: TaskContext) -> Progress {
        context.signal.map { .done($0) } ?? .wait(until: .woken, storing: input)
    }
}

/// Waits without accepting a signal.
private struct Sleep: WaitingTask {
    let type = "sleep"
    let summary = "Waits without end"
    let input = JSONSchema.any
    let output = JSONSchema.any

    func advance(_ input: JSON, in context: TaskContext) -> Progress { .wait(until: .woken, storing: input) }
}

/// Starts `count` runs of a workflow and waits until they have ended.
private struct Start: WaitingTask {
    let type = "start"
    let summary = "Starts runs"
    let input = JSONSchema.any
    let output = JSONSchema.any

    func advance(_ input: JSON, in context: TaskContext) throws -> Progress {
        guard context.stored == nil else {
            return try context.activeRuns() > 0 ? .wait(until: .runs(), storing: true) : .done(true)
        }
        let found = try StoredFlow.find(
            input["workflow"]?.stringValue ?? "", of: context.userID, on: context.connection)
        let count = Int(input["count"]?.integerValue ?? 1)
        let runs = try context.start(try #require(found), on: Array(repeating: 1, count: count))
        return .wait(until: .runs(), storing: true, starting: runs)
    }
}

/// Starts two runs and takes as long as its step may.
struct LateStart: WaitingTask {
    let type = "start late"
    let summary = "Starts runs too late"
    let input = JSONSchema.any
    let output = JSONSchema.any

    func advance(_ input: JSON, in context: TaskContext) throws -> Progress {
        let found = try StoredFlow.find(input.stringValue ?? "", of: context.userID, on: context.connection)
        let runs = try context.start(try #require(found), on: [1, 1])
        while let deadline = context.deadline, .now < deadline {}
        return .wait(until: .runs(), storing: true, starting: runs)
    }
}

/// An engine on Postgres that executes runs on the thread of the test, for calls and for workers.
struct EngineFixture {
    let runner: RunnerFixture
    var engine = Self.engine()
    var connection: Connection { runner.connection }

    init() throws { runner = try RunnerFixture() }

    static func engine(
        _ tasks: [any FlowTask] = [], limits: Engine.Limits = Engine.Limits(),
        observe: @escaping @Sendable (EngineEvent) -> Void = { _ in }
    ) -> Engine {
        let catalog = TaskCatalog(TaskCatalog.plain.tasks + [Question(), Sleep(), Start()] + tasks)
        return Engine(catalog: catalog, limits: limits, observe: observe)
    }

    /// A run of a chain of tasks of these types, each followed by the next on success.
    func execution(_ types: [String], input: JSON = [:]) -> Execution {
        Execution(id: UUIDv7.make(), userID: RunnerFixture.userID, flow: FlowText.chain(types), input: input)
    }

    func plan(_ execution: Execution) throws -> Engine.Plan {
        try engine.plan(execution.flow, for: RunnerFixture.userID, on: connection)
    }

    func enqueue(_ types: [String], input: JSON = [:]) throws -> Execution {
        let execution = execution(types, input: input)
        try engine.enqueue(execution, try plan(execution), on: connection)
        return execution
    }

    /// Gives a signal to the run's last step.
    func signal(_ run: Execution, with value: JSON) throws -> Bool {
        let step = try connection.query(
            "SELECT coalesce(max(seq), 1) FROM steps WHERE execution_id = \(run.id)"
        ).only.decode(Int.self)
        return try engine.signal(run.id, step: step, with: value, on: connection)
    }

    /// Stores a workflow of a chain of tasks of these types.
    func store(_ types: [String], concurrency: Int? = nil) throws -> StoredFlow {
        try store(FlowText.chain(types), concurrency: concurrency)
    }

    func store(_ flow: JSON, as id: String = UUIDv7.make(), concurrency: Int? = nil) throws -> StoredFlow {
        try runner.database.connect().pipeline([
            """
            INSERT INTO workflows (id, user_id, version, concurrency)
            VALUES (\(id), \(RunnerFixture.userID), 1, \(optional: concurrency))
            """,
            """
            INSERT INTO workflow_versions (workflow_id, version, name, flow, created_at)
            VALUES (\(id), 1, 'w', \(flow), now())
            """,
        ])
        return try #require(try StoredFlow.find(id, of: RunnerFixture.userID, on: connection))
    }

    /// Queues a run of a stored workflow.
    func start(_ workflow: StoredFlow, input: JSON = [:]) throws -> Execution {
        let execution = Execution(
            id: UUIDv7.make(), userID: RunnerFixture.userID, source: workflow.source, flow: workflow.flow, input: input)
        try engine.enqueue(execution, try plan(execution), on: connection)
        return execution
    }

    /// Claims and executes the runs that are due.
    func work() throws {
        while let claim = try engine.claim(on: connection) {
            _ = try engine.execute(claim, on: connection, Cancellation())
        }
    }

    func find(_ execution: Execution) throws -> Execution {
        let found = try Execution.find(execution.id, of: execution.userID, on: connection)
        return try #require(found).execution
    }

    /// A run in this state that is not due.
    func run(_ status: ExecutionStatus) throws -> Execution {
        let types: [ExecutionStatus: [String]] = [
            .waiting: ["pass", "question"], .completed: ["pass"], .endedEarly: ["pass", "fail", "pass"],
            .failed: ["fail"],
        ]
        let run = try enqueue(types[status] ?? ["pass", "sleep"])
        switch status {
        case .queued: break
        case .running: #expect(try engine.claim(on: connection) != nil)
        case .waiting, .completed, .endedEarly, .failed: try work()
        case .canceled:
            try work()
            #expect(try engine.cancel(find(run), on: connection))
        case .expired:
            var limits = Engine.Limits()
            limits.lifetime = RunLifetime(days: 0)
            _ = try Self.engine(limits: limits).expireRuns(on: connection)
        }
        let found = try find(run)
        #expect(found.status == status)
        return found
    }
}
