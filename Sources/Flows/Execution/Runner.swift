import JSON
import Postgres
import System

/// Executes a flow on the calling thread, until it ends or has to wait, and stores the run. `RunState` decides.
///
/// Nothing of a run is in the database before its first commit; if the process dies before that, the run has had no
/// effect. A run with one transactional task and otherwise only pure ones normally needs one commit: effect, steps and
/// end together. A run with more commits has a row in the queue from the first commit on: if its process dies, a worker
/// claims the run and continues it.
struct Runner {
    let engine: Engine
    let connection: Connection
    let flow: Flow
    let start: ContinuousClock.Instant
    /// When this thread began to execute the run.
    private let begun = ContinuousClock.now
    /// The processor time of this thread at that moment.
    private let begunProcessorTime = ProcessorTime.ofThread
    /// The processor time that the run had used before.
    private var earlierProcessorTime = Duration.zero
    var signal: JSON?
    var state: RunState
    var checkpoint: Checkpoint
    var weight = 0
    /// The statements that commit together with the next wait.
    var others: [SQL] = []
    /// The ends of started runs that the next commit makes final.
    var endedChildren: [EngineEvent] = []
    /// The call that the current step makes.
    var call: ExternalCall?

    private init(
        _ flow: Flow, from checkpoint: Checkpoint, _ state: RunState, start: ContinuousClock.Instant,
        signal: JSON? = nil,
        engine: Engine, on connection: Connection
    ) {
        self.engine = engine
        self.connection = connection
        self.flow = flow
        self.start = start
        self.signal = signal
        self.state = state
        self.checkpoint = checkpoint
    }

    /// The size of the steps that have ended, as `Engine.Limits.recordSize` counts it.
    private static func weight(of execution: Execution) -> Int {
        guard !execution.steps.isEmpty else { return 0 }
        let own = execution.ownInputs
        return zip(execution.steps, execution.stepInputs).reduce(0) { weight, pair in
            let (step, input) = pair
            let counts = step.isSuperseded || step.input != nil || own[TextKey(step.task)] != nil
            return weight + step.output.weight + (counts ? input.weight : 0)
        }
    }

    /// Executes a new run while its caller waits. Throws the error that stopped it, such as an unavailable database;
    /// what was committed before stays, and a worker continues the run.
    ///
    /// - Throws: `InsufficientCredits` before the first step if the user's balance does not cover the worst case;
    ///   `StorageRefusal` if the user may not store what the run gave.
    static func run(
        _ flow: Flow, _ execution: Execution, budget: Budget, engine: Engine, on connection: Connection,
        with hooks: CommitHooks? = nil
    ) throws -> RunOutcome {
        guard try budget.isCovered(by: execution.userID, on: connection) else { throw InsufficientCredits() }
        var runner = Runner(
            flow, from: Checkpoint(execution, budget: budget, hooks: hooks),
            RunState(flow, input: execution.input, scope: try scope(of: execution, flow, on: connection)),
            start: .now, engine: engine, on: connection)
        switch try runner.runOrRollBack() {
        case .ended: return .ended(runner.checkpoint.execution, outputs: runner.checkpoint.outputs)
        case .waits, .calls: return .waits(runner.checkpoint.execution)
        }
    }

    /// Continues a claimed run. Throws like `run`; the caller then releases the lease.
    ///
    /// - Parameter ending: the run's open step, after the end of its call.
    /// - Throws: `Fenced` if another worker has claimed the run in the meantime, or if it was canceled.
    static func resume(
        _ flow: Flow, _ claim: Claim, ending: (run: ParkedRun, end: CallEnd)? = nil, engine: Engine,
        on connection: Connection, _ cancellation: Cancellation
    ) throws -> Continuation {
        let execution = claim.execution
        var state = RunState(
            flow, input: execution.input, fork: execution.fork,
            scope: try scope(of: execution, flow, on: connection))
        if let progress = claim.progress {
            state.restore(progress, try execution.results(for: flow, before: progress.number, on: connection))
        }
        for step in claim.execution.steps { state.replay(step, isCounted: step.number == claim.progress?.number) }
        var runner = Runner(
            flow, from: Checkpoint(claim, cancellation), state, start: .now - claim.age, signal: claim.signal,
            engine: engine,
            on: connection)
        runner.earlierProcessorTime = claim.processorTime
        runner.weight = claim.progress?.weight ?? weight(of: runner.checkpoint.execution)
        return try runner.runOrRollBack(ending)
    }

    private static func scope(
        of execution: Execution, _ flow: Flow, on connection: Connection
    ) throws -> RunScope.Run {
        guard flow.references.hasQueries else { return .empty }
        return try RunScope.Run(of: execution, on: flow.references.includesUser ? connection : nil)
    }

    private mutating func runOrRollBack(_ ending: (run: ParkedRun, end: CallEnd)? = nil) throws -> Continuation {
        do {
            return try run(from: try ending.flatMap { try conclude($0.run, with: $0.end) } ?? .started)
        } catch {
            connection.rollback()
            throw (error as? PostgresError).flatMap { StorageRefusal($0) } ?? error
        }
    }

    private mutating func run(from first: RunState.Event) throws -> Continuation {
        var event = first
        while true {
            let action = state.next(event, at: elapsed)
            if action.isStep, mayYield, hasToYield { return try suspend(until: .after(.zero)) }
            switch action {
            case .announce(let definition, _) where isFull(for: definition),
                .run(let definition, _, _) where isFull(for: definition):
                return try end(
                    .failed, stoppedAt: definition.name,
                    TaskFailure(code: "run_too_large", message: "The record of this run is too large"))
            case .announce(let definition, _) where hasUsedProcessorTime,
                .run(let definition, _, _) where hasUsedProcessorTime:
                return try end(.failed, stoppedAt: definition.name, .processorTimeExceeded)
            case .announce(let definition, _) where lacksRoom(for: definition):
                return try suspend(until: .after(pauseBeforeCall))
            case .announce(let definition, let attempt):
                checkpoint.openStep = step(of: definition, attempt: attempt, .running, started: began ?? elapsed)
                try commit(.running)
                event = .committed
            case .run(let definition, let input, let attempt):
                engine.observe(.stepStarted(type: definition.task.type))
                let next: RunState.Event?
                do {
                    next = try advance(definition, input, attempt)
                } catch is ThreadTimeExceeded {
                    // A pure step has had no effect: a worker executes it again from its beginning.
                    return try suspend(until: .after(.zero))
                }
                if let call { return .calls(parked(call, definition, attempt)) }
                event = next ?? event
            case .commit:
                try commit(.running)
                event = .committed
            case .suspend(let due):
                return try suspend(until: due)
            case .end(let status, let stoppedAt, let failure):
                return try end(status, stoppedAt: stoppedAt, failure)
            }
        }
    }

    /// Whether one more step of that task would exceed the maximum size of the record. A step that has begun may end.
    private func isFull(for definition: TaskDefinition) -> Bool {
        checkpoint.openStep == nil && weight + inputWeight(of: definition) > engine.limits.recordSize
    }

    /// The size of the current step's input, if the record has it for this step alone: its task defines it.
    func inputWeight(of definition: TaskDefinition) -> Int {
        guard definition.input != nil, case .success(let input)? = state.stepInput else { return 0 }
        return input.weight
    }

    /// Whether the run has used more processor time than it may. A step that has begun may end.
    private var hasUsedProcessorTime: Bool {
        let limit = engine.limits.processorTime
        // It cannot have used more than the time that has passed, which is cheaper to read.
        guard checkpoint.openStep == nil, earlierProcessorTime + (.now - begun) > limit else { return false }
        return processorTime > limit
    }

    /// What limits a step that begins now.
    var time: StepTime {
        var leaves: ContinuousClock.Instant?
        if case .call = executor { leaves = begun + engine.limits.callTime }
        return StepTime(
            leaves: leaves, processorTimeEnd: begunProcessorTime + engine.limits.processorTime - earlierProcessorTime,
            earliestEnd: begun + engine.limits.processorTime - earlierProcessorTime)
    }

    private var processorTime: Duration { earlierProcessorTime + ProcessorTime.ofThread - begunProcessorTime }

    private mutating func end(
        _ status: ExecutionStatus, stoppedAt: String?, _ failure: TaskFailure?
    ) throws -> Continuation {
        checkpoint.end(status, stoppedAt: stoppedAt, failure, after: elapsed)
        try commit(.finished, together: executor.hooks?.close(checkpoint.execution) ?? [])
        return .ended
    }

    /// Whether the run may be interrupted before the next attempt. A pending signal is used first, because the step
    /// that it is for has already begun, as has an attempt that is recorded.
    private var mayYield: Bool { signal == nil && checkpoint.openStep?.status != .running }

    /// Whether the worker stops, or the run has occupied this thread for its time.
    private var hasToYield: Bool {
        executor.cancellation?.endsAfterStep == true || .now - begun > executor.time(within: engine.limits)
    }

    /// Leaves the run to the next worker.
    ///
    /// - Throws: `LaunchRefusal.queueFull` if it is not in the queue yet and that has no room. Nothing is stored then.
    private mutating func suspend(until due: Due) throws -> Continuation {
        if !checkpoint.isStored {
            try openTransaction()
            try Queue.requireCapacity(for: checkpoint.execution.userID, [(nil, 1)], on: connection)
        }
        try commit(.waits(due), together: others)
        return .waits
    }

    var executor: Executor { checkpoint.executor }

    /// In whole microseconds, as times are stored: otherwise an answer and its record would differ by one.
    var elapsed: Duration { .microseconds((.now - start).microseconds) }

    /// When the open step began; nil if no step is open.
    var began: Duration? { checkpoint.openStep?.started }

    private mutating func commit(_ disposition: Checkpoint.Disposition, together others: [SQL] = []) throws {
        if executor.hooks != nil { try openTransaction() }
        let storedSteps = checkpoint.storedSteps
        // A run that ends with its first commit is stored without its progress.
        let processorTime = disposition.isOver && !checkpoint.isStored ? .zero : processorTime
        let progress = RunProgress(
            number: checkpoint.lastCounted, visits: state.endedVisits, weight: weight, cost: checkpoint.cost,
            processorTime: processorTime)
        try checkpoint.commit(
            disposition, progress, on: connection, elapsed: elapsed, counting: engine.storage, together: others)
        observeCommit(disposition, since: storedSteps)
    }

    /// Reports a commit and the ends that are in it.
    private mutating func observeCommit(_ disposition: Checkpoint.Disposition, since storedSteps: Int) {
        let execution = checkpoint.execution
        engine.observe(.committed(executionID: execution.id))
        for step in execution.steps[storedSteps...] {
            engine.observe(
                .stepFinished(
                    FinishedStep(
                        type: step.type, status: step.status, duration: step.duration, attempts: step.attempt,
                        cost: step.cost)))
        }
        endedChildren.forEach(engine.observe)
        endedChildren = []
        if disposition.isOver {
            engine.observe(.runFinished(status: execution.status, duration: execution.duration))
        }
    }

    /// Begins the transaction of the next commit, unless one with an effect is already open.
    func openTransaction() throws {
        guard connection.transactionStatus == .idle else { return }
        try connection.begin()
        if !checkpoint.isStored { try executor.hooks?.open(connection) }
    }
}
