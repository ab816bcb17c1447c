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
    let summary = "Waits for ever"
    let input = JSONSchema.any
    let output = JSONSchema.any

    func advance(_ input: JSON, in context: TaskContext) -> Progress { .wait(until: .woken, storing: input) }
}

/// An engine on Postgres that executes runs on the thread of the test, for calls and for workers.
struct EngineFixture {
    let runner: RunnerFixture
    var engine = Self.engine()
    var connection: Connection { runner.connection }

    init() throws { runner = try RunnerFixture() }

    static func engine(_ tasks: [any FlowTask] = []) -> Engine {
        Engine(
            catalog: TaskCatalog(TaskCatalog.plain.tasks + [Question(), Sleep()] + tasks))
    }

    /// A run of a chain of tasks of these types, each followed by the next on success.
    func execution(_ types: [String], input: JSON = [:]) -> Execution {
        Execution(id: UUIDv7.make(), userID: RunnerFixture.userID, flow: FlowText.chain(types), input: input)
    }

    func plan(_ execution: Execution) throws -> Engine.Plan { try engine.plan(execution.flow, on: connection) }

    func enqueue(_ types: [String], input: JSON = [:]) throws -> Execution {
        let execution = execution(types, input: input)
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
        }
        let found = try find(run)
        #expect(found.status == status)
        return found
    }
}
