package import JSON
package import Postgres

/// The front door of the engine: it checks, prices, starts and changes runs. One per process, used by all threads.
package final class Engine: Sendable {
    package let catalog: TaskCatalog
    /// The maximum number of a user's limited runs that are active at once; nil: no limit.
    private let maxConcurrentRuns: Int?
    private let prices = RecentPrices()

    package init(catalog: TaskCatalog, maxConcurrentRuns: Int?) {
        self.catalog = catalog
        self.maxConcurrentRuns = maxConcurrentRuns
    }

    /// A flow that may be run, with what a run may cost.
    package struct Plan: Sendable {
        package let flow: Flow
        package let warnings: [Violation]
        package let budget: Budget
    }

    /// The prices, at most a second old. `now` is in seconds since 1970.
    package func prices(now: Int64, on connection: Connection) throws -> PriceList {
        try prices.recent(now: now, on: connection)
    }

    /// Reads, checks and prices a flow, which may be any JSON value.
    ///
    /// - Throws: `LaunchRefusal.invalid`, also for a task type that an admin has switched off.
    package func plan(_ flow: JSON, now: Int64, on connection: Connection) throws -> Plan {
        var reader = FlowReader(catalog: catalog)
        guard let read = reader.read(flow) else { throw LaunchRefusal.invalid(reader.problems) }
        let prices = try prices(now: now, on: connection)
        let inactive = read.taskTypes.enumerated().filter { !prices.isActive($0.element) }
        guard inactive.isEmpty else {
            throw LaunchRefusal.invalid(
                inactive.map {
                    Violation(
                        pointer: "/flow/tasks/\($0.offset)", message: "the task type '\($0.element)' is switched off")
                })
        }
        return Plan(flow: read, warnings: reader.warnings, budget: Budget(for: read, at: prices))
    }

    /// Executes a new run on this thread until it ends or has to wait.
    ///
    /// - Throws: `LaunchRefusal.insufficientCredits`; `Fenced` if the run was canceled or a worker has claimed it.
    package func run(
        _ execution: Execution, _ plan: Plan, on connection: Connection, with hooks: Runner.CommitHooks?
    ) throws -> Runner.Outcome {
        do {
            return try Runner.run(plan.flow, execution, budget: plan.budget, on: connection, with: hooks)
        } catch is InsufficientCredits {
            throw LaunchRefusal.insufficientCredits
        }
    }

    /// Queues a new run in one transaction, with the copied steps if it is a fork.
    ///
    /// - Throws: `LaunchRefusal.queueFull` or `.insufficientCredits`.
    package func enqueue(_ execution: Execution, _ plan: Plan, on connection: Connection) throws {
        do {
            try connection.atomically { connection in
                guard try Queue.hasRoom(for: execution.userID, on: connection) else { throw LaunchRefusal.queueFull }
                _ = try connection.pipeline(
                    Queue.enqueue(execution, budget: plan.budget, maxConcurrentRuns: maxConcurrentRuns))
            }
        } catch let error as PostgresError where error.isInsufficientCredits {
            throw LaunchRefusal.insufficientCredits
        } catch let error as PostgresError where error.kind == .commitUnknown {
            // The answer of the commit was lost. The database shows whether the run is queued.
            guard try Execution.find(execution.id, of: execution.userID, on: connection) != nil else { throw error }
        }
    }

    /// Cancels an active run and the runs that it started; returns false if it has already ended.
    package func cancel(_ execution: Execution, on connection: Connection) throws -> Bool {
        try Queue.end(
            execution.id, of: execution.userID, as: .canceled,
            TaskFailure(code: "canceled", message: "The run was canceled"), maxConcurrentRuns: maxConcurrentRuns,
            on: connection)
    }

    /// Queues a failed or canceled run again, to continue from the step at which it ended. Returns false if its state
    /// does not allow this.
    package func resume(_ execution: Execution, _ plan: Plan, on connection: Connection) throws -> Bool {
        try Queue.resume(execution, budget: plan.budget, maxConcurrentRuns: maxConcurrentRuns, on: connection)
    }

    /// Delivers the signal that the run's open step waits for; returns false if none waits for one.
    package func signal(_ execution: Execution, with value: JSON, on connection: Connection) throws -> Bool {
        try Queue.signal(
            execution.id, of: execution.userID, with: value, types: catalog.signaledTypes, on: connection)
    }
}

/// Why a run is not started.
package enum LaunchRefusal: Error, Sendable {
    /// The flow's problems, all at once.
    case invalid([Violation])
    /// The user has as many runs in the queue as the queue accepts.
    case queueFull
    case insufficientCredits
}
