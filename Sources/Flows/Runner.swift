package import JSON
package import Postgres

/// Runs a flow to its end on the calling thread and puts it on the record: thin IO around `RunState`.
///
/// Nothing of a run is in the database before its first commit; if the process dies before it, nothing happened.
/// A chain whose effects end in one transactional task commits once: effect, steps and end together.
package struct Runner {
    /// What a caller adds to a run's own commits.
    package struct Companion {
        /// Done first in the run's first transaction; throwing ends the run with nothing done.
        package let open: (Connection) throws -> Void
        /// Statements that commit together with the run's end.
        package let close: (Execution) -> [SQL]

        package init(open: @escaping (Connection) throws -> Void, close: @escaping (Execution) -> [SQL]) {
            self.open = open
            self.close = close
        }
    }

    /// What the outputs of one run may weigh together, in bytes of their text, roughly.
    static let outputLimit = 8 << 20

    private let connection: Connection
    private let companion: Companion?
    private let flow: Flow
    private let start = ContinuousClock.now
    private var state: RunState
    private var checkpoint: Checkpoint
    private var outputWeight = 0

    private init(_ flow: Flow, _ execution: Execution, on connection: Connection, with companion: Companion?) {
        self.connection = connection
        self.companion = companion
        self.flow = flow
        state = RunState(flow, input: execution.input)
        checkpoint = Checkpoint(execution)
    }

    /// The execution after its end, committed. Throws what kept the run from going on, such as a database that
    /// is not there; what was committed until then stays.
    package static func run(
        _ flow: Flow, input: JSON, executionID: String, userID: String, on connection: Connection,
        with companion: Companion? = nil
    ) throws -> Execution {
        let execution = Execution(id: executionID, userID: userID, flow: flow.definition, input: input)
        var runner = Runner(flow, execution, on: connection, with: companion)
        do {
            return try runner.run()
        } catch {
            connection.rollback()
            throw error
        }
    }

    private mutating func run() throws -> Execution {
        var event = RunState.Event.started
        while true {
            switch state.next(event, at: elapsed) {
            case .run(let definition, let input):
                event = try step(definition, input)
            case .commit:
                try commit()
                event = .committed
            case .end(let status, let stoppedAt):
                checkpoint.end(status, stoppedAt: stoppedAt, after: elapsed)
                try commit(together: companion?.close(checkpoint.execution) ?? [])
                return checkpoint.execution
            }
        }
    }

    private var elapsed: Duration { .now - start }

    /// One statement commits by itself; a companion's need a transaction around them.
    private mutating func commit(together others: [SQL] = []) throws {
        if companion != nil { try openTransaction() }
        try checkpoint.commit(on: connection, elapsed: elapsed, together: others)
    }

    /// Begins the transaction of the next commit, unless one is open which holds an effect.
    private func openTransaction() throws {
        guard connection.transactionStatus == .idle else { return }
        try connection.begin()
        if !checkpoint.isStored { try companion?.open(connection) }
    }

    private mutating func step(_ definition: TaskDefinition, _ input: JSON) throws -> RunState.Event {
        let number = checkpoint.execution.steps.count + 1
        let started = elapsed
        let result = try attempt(definition.task, input, step: number)
        let status: StepStatus
        let output: JSON
        let failure: TaskFailure?
        switch result {
        case .success(let value): (status, output, failure) = (.success, value, nil)
        case .failure(let reason): (status, output, failure) = (.failure, .null, reason)
        }
        checkpoint.append(
            Step(
                number: number, task: definition.name, type: definition.task.type, status: status, attempt: 1,
                output: output, failure: failure, condition: definition.condition?.name,
                next: definition.condition.map { flow.name(of: $0.target(after: status)) },
                started: started, duration: elapsed - started))
        return failure.map(RunState.Event.failed) ?? .succeeded(output)
    }

    private mutating func attempt(
        _ task: any FlowTask, _ input: JSON, step: Int
    ) throws -> Result<JSON, TaskFailure> {
        let execution = checkpoint.execution
        do {
            if let wrong = task.input.violations(in: input).first {
                throw TaskFailure(invalidInput: wrong)
            }
            if task.effect == .transactional { try openTransaction() }
            let output = try task.run(
                input,
                in: TaskContext(executionID: execution.id, step: step, userID: execution.userID, connection: connection)
            )
            let weight = output.weight
            guard outputWeight + weight <= Runner.outputLimit else {
                throw TaskFailure(code: "output_too_large", message: "The outputs of this run are too large")
            }
            outputWeight += weight
            return .success(output)
        } catch let failure as TaskFailure {
            // A failed effect goes whole; a pure task that fails leaves the effect before it alone.
            if task.effect == .transactional { connection.rollback() }
            return .failure(failure)
        }
    }
}

extension JSON {
    /// About how many bytes the value's text has.
    fileprivate var weight: Int {
        switch self {
        case .null, .bool: 4
        case .integer, .unsigned, .number: 12
        case .string(let text): text.utf8.count + 2
        case .array(let elements): elements.reduce(2) { $0 + $1.weight + 1 }
        case .object(let object): object.members.reduce(2) { $0 + $1.name.utf8.count + $1.value.weight + 4 }
        }
    }
}
