import JSON
package import Postgres

/// Runs a flow on the calling thread, to its end or until it has to wait, and puts it on the record: thin IO around
/// `RunState`.
///
/// Nothing of a run is in the database before its first commit; if the process dies before it, nothing happened.
/// A chain whose effects end in one transactional task commits once: effect, steps and end together. A run with more
/// commits has its place in the queue from the first one on: whoever claims it after its process died goes on.
package struct Runner {
    /// What a caller adds to a run's own commits.
    package struct CommitHooks {
        /// Done first in the run's first transaction; throwing ends the run with nothing done.
        package let open: (Connection) throws -> Void
        /// Statements that commit together with the run's end.
        package let close: (Execution) -> [SQL]

        package init(open: @escaping (Connection) throws -> Void, close: @escaping (Execution) -> [SQL]) {
            self.open = open
            self.close = close
        }
    }

    /// What became of a run.
    package enum Outcome: Sendable {
        case ended(Execution)
        /// It is in the queue, for then.
        case waits(Execution, Due)

        package var execution: Execution {
            switch self {
            case .ended(let execution), .waits(let execution, _): execution
            }
        }
    }

    /// What the outputs of one run may weigh together, the inputs that its tasks have of their own, each time that they
    /// are given, and all inputs of superseded steps: in bytes of their text, roughly. It bounds the run's record.
    static let outputLimit = 8 << 20

    /// How long a run may take on the thread of the call that began it.
    private static let longestCall = Duration.seconds(10)

    let connection: Connection
    private let hooks: CommitHooks?
    let cancellation: Cancellation?
    let flow: Flow
    let start: ContinuousClock.Instant
    var signal: JSON?
    var state: RunState
    var checkpoint: Checkpoint
    var weight = 0
    /// What commits together with the wait that comes next.
    var others: [SQL] = []

    private init(
        _ flow: Flow, _ checkpoint: Checkpoint, _ state: RunState, start: ContinuousClock.Instant, signal: JSON? = nil,
        on connection: Connection, with hooks: CommitHooks?, _ cancellation: Cancellation?
    ) {
        self.connection = connection
        self.hooks = hooks
        self.cancellation = cancellation
        self.flow = flow
        self.start = start
        self.signal = signal
        self.state = state
        self.checkpoint = checkpoint
        guard !checkpoint.execution.steps.isEmpty else { return }
        let own = checkpoint.execution.ownInputs
        for (step, input) in zip(checkpoint.execution.steps, checkpoint.execution.stepInputs) {
            let counts = step.isSuperseded || own[step.task] != nil
            weight += step.output.weight + (counts ? input.weight : 0)
        }
    }

    /// Runs a new execution that its caller waits for. Throws what kept it from going on, such as a database that is
    /// not there; what was committed until then stays, and a worker goes on with it.
    ///
    /// - Throws: `InsufficientCredits` before the first step, when the user does not have its worst case.
    package static func run(
        _ flow: Flow, _ execution: Execution, budget: Budget, on connection: Connection,
        with hooks: CommitHooks? = nil
    ) throws -> Outcome {
        guard try budget.isCovered(by: execution.userID, on: connection) else { throw InsufficientCredits() }
        // Its id is nobody else's, so it does as the first lease.
        let checkpoint = Checkpoint(execution, lease: execution.id, budget: budget)
        var runner = Runner(
            flow, checkpoint, RunState(flow, input: execution.input), start: .now, on: connection, with: hooks, nil)
        return try runner.runOrRollBack()
    }

    /// Goes on with a run from the queue. What cannot go on is thrown, as above; the lease is then to be given back.
    ///
    /// - Throws: `Fenced` when somebody else has the run by now, or it was canceled.
    package static func resume(
        _ flow: Flow, _ claim: Claim, on connection: Connection, _ cancellation: Cancellation
    ) throws -> Outcome {
        var state = RunState(flow, input: claim.execution.input)
        for step in claim.execution.steps where !step.isSuperseded { state.replay(step) }
        var runner = Runner(
            flow, Checkpoint(claim), state, start: .now - claim.age, signal: claim.signal, on: connection, with: nil,
            cancellation)
        return try runner.runOrRollBack()
    }

    private mutating func runOrRollBack() throws -> Outcome {
        do {
            return try run()
        } catch {
            connection.rollback()
            throw error
        }
    }

    private mutating func run() throws -> Outcome {
        var event = RunState.Event.started
        while true {
            let action = state.next(event, at: elapsed)
            // A signal that came is used first: the step that it is for has begun.
            if action.isStep, signal == nil, cancellation?.endsAfterStep == true { return try yieldToWorker() }
            switch action {
            case .announce(let definition, _, _) where isFull(for: definition),
                .run(let definition, _, _) where isFull(for: definition):
                return try end(
                    .failed, stoppedAt: definition.name,
                    TaskFailure(code: "run_too_large", message: "The record of this run is too large"))
            case .announce(let definition, _, let attempt):
                checkpoint.openStep = step(of: definition, attempt: attempt, .running, started: began ?? elapsed)
                try commit(.running)
                event = .committed
            case .run(let definition, let input, let attempt):
                event = try advance(definition, input, attempt)
            case .commit:
                // A worker goes on, so that a caller who has left does not keep the thread.
                if cancellation == nil, elapsed > Runner.longestCall { return try yieldToWorker() }
                try commit(.running)
                event = .committed
            case .suspend(let due):
                try commit(.waits(due), together: others)
                return .waits(checkpoint.execution, due)
            case .end(let status, let stoppedAt, let failure):
                return try end(status, stoppedAt: stoppedAt, failure)
            }
        }
    }

    /// Whether the record has no room for one more step of that task. One that has begun may end.
    private func isFull(for definition: TaskDefinition) -> Bool {
        checkpoint.openStep == nil && weight + (definition.input?.weight ?? 0) > Runner.outputLimit
    }

    private mutating func end(
        _ status: ExecutionStatus, stoppedAt: String?, _ failure: TaskFailure?
    ) throws -> Outcome {
        checkpoint.end(status, stoppedAt: stoppedAt, failure, after: elapsed)
        try commit(.finished, together: hooks?.close(checkpoint.execution) ?? [])
        return .ended(checkpoint.execution)
    }

    /// Leaves the run to whoever claims it next.
    private mutating func yieldToWorker() throws -> Outcome {
        try commit(.waits(.after(.zero)))
        return .waits(checkpoint.execution, .after(.zero))
    }

    var elapsed: Duration { .now - start }

    /// When the step at hand began, if it did before.
    var began: Duration? { checkpoint.openStep?.started }

    private mutating func commit(_ disposition: Checkpoint.Disposition, together others: [SQL] = []) throws {
        if hooks != nil { try openTransaction() }
        try checkpoint.commit(disposition, on: connection, elapsed: elapsed, together: others)
    }

    /// Begins the transaction of the next commit, unless one is open which holds an effect.
    func openTransaction() throws {
        guard connection.transactionStatus == .idle else { return }
        try connection.begin()
        if !checkpoint.isStored { try hooks?.open(connection) }
    }
}
