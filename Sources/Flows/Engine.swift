import Crypto
package import JSON
package import Postgres
import Synchronization

/// The engine's interface: it checks, prices, starts and changes runs. One per process, used by all threads.
package final class Engine: Sendable {
    package let catalog: TaskCatalog
    let limits: Limits
    let flows: FlowCache
    let observe: @Sendable (EngineEvent) -> Void
    /// Nil in a process that executes no steps with calls.
    let calls: ExternalCalls?
    private let prices = RecentPrices()
    private let shares: ThreadShares
    /// The owner of the run that this process claimed last.
    let lastTurn = Mutex(UUIDv7.make())
    let trouble = DatabaseTrouble()

    /// The maximum depth of runs that start runs; it prevents a workflow that runs itself from filling the queue.
    static let maxDepth = 10

    /// - Parameter observe: called on the thread that runs or changes a run.
    package init(
        catalog: TaskCatalog, limits: Limits = Limits(), calls: ExternalCalls? = nil,
        observe: @escaping @Sendable (EngineEvent) -> Void = { _ in }
    ) {
        self.catalog = catalog
        self.calls = calls
        self.observe = observe
        flows = FlowCache(catalog: catalog)
        self.limits = limits
        shares = ThreadShares(limit: limits.threadsPerUser)
    }

    /// How many bytes a user may keep.
    package var storage: StorageQuota { limits.storage }

    /// A flow that may be run, with what a run may cost.
    package struct Plan: Sendable {
        package let flow: Flow
        package let warnings: Violations
        let budget: Budget
        /// Why the cost has no known maximum; nil if it has one.
        package let unboundedBecause: String?

        /// The cost of the run and of those that it starts, in credits, if every task succeeds on the maximum number of
        /// visits, as far as it is known in advance.
        package var maxCost: Int64 { budget.maximumCost }
    }

    /// The prices, at most a second old.
    package func prices(on connection: Connection) throws -> PriceList { try prices.recent(on: connection) }

    /// Reads, checks and prices a flow, which may be any JSON value.
    ///
    /// - Parameters:
    ///   - passesErrors: false for flows that were stored by earlier releases.
    ///   - isNew: whether the flow is refused for mistakes too, because it is not stored yet.
    ///   - userID: the owner of the run, and of the workflows that its steps name.
    ///   - executionID: the run that continues with the flow; nil: a new one.
    /// - Throws: `LaunchRefusal.invalid` or `.inactive`.
    package func plan(
        _ flow: JSON, passesErrors: Bool = true, isNew: Bool = false, for userID: String,
        continuing executionID: String? = nil, on connection: Connection
    ) throws -> Plan {
        let read = try flows.read(flow, passesErrors: passesErrors)
        if isNew, !read.mistakes.isEmpty { throw LaunchRefusal.invalid(read.mistakes) }
        let isPinned = executionID != nil && read.flow.startsRuns
        let pins = isPinned ? try executionID.map { try Pins.find(of: $0, on: connection) } : nil
        return try price(read, for: userID, pins?.inherited ?? Pins(), on: connection)
    }

    /// - Parameters:
    ///   - pins: versions that are fixed already.
    ///   - list: the prices; nil: those of now.
    private func price(
        _ read: FlowCache.Reading, for userID: String, _ pins: Pins, at list: PriceList? = nil,
        on connection: Connection
    ) throws -> Plan {
        let prices = try prices(on: connection)
        var inactive = Violations()
        for (index, definition) in read.flow.tasks.enumerated() {
            for type in definition.types {
                let reason = prices.isActive(type) ? catalog[type]?.unavailableBecause : "is switched off"
                guard let reason else { continue }
                inactive.append(
                    Violation(pointer: "/flow/tasks/\(index)", message: "the task type '\(type)' \(reason)"))
            }
        }
        guard inactive.isEmpty else { throw LaunchRefusal.inactive(inactive) }
        guard read.flow.startsRuns else {
            let budget = Budget(for: read.flow, at: list ?? prices)
            return Plan(flow: read.flow, warnings: read.warnings, budget: budget, unboundedBecause: nil)
        }
        var tree = TreePrice(at: list ?? prices, flows, of: userID, pins, on: connection)
        let children = try tree.childCosts(of: read.flow)
        let budget = Budget(
            for: read.flow, at: list ?? prices, children: children, types: tree.types, pins: tree.pins.json)
        return Plan(
            flow: read.flow, warnings: read.warnings, budget: budget, unboundedBecause: tree.unboundedBecause)
    }

    /// Plans runs that a step of another run starts at once, in a transaction that is open afterwards. Returns the
    /// statement, too, that counts them when they are queued.
    ///
    /// - Parameters:
    ///   - groups: the queue and the tree must have room for all their runs, and the credits must cover what the parent
    ///     does not hold for them.
    ///   - parent: the run and its task; `budget` is what it holds.
    /// - Throws: `LaunchRefusal`.
    func planChildren(
        _ groups: [ChildGroup], of parent: (id: String, task: String, budget: Budget?), for userID: String,
        on connection: Connection
    ) throws -> (budgets: [Budget], counting: SQL) {
        let count = groups.reduce(0) { $0 + $1.inputs.count }
        let readings = try groups.map {
            try flows.read($0.workflow.flow, passesErrors: $0.workflow.passesErrors)
        }
        let place = try Tree.place(of: parent.id, limit: Engine.maxDepth, on: connection)
        guard place.depth < Engine.maxDepth else { throw LaunchRefusal.tooDeep }
        let pins = try Pins.find(of: parent.id, on: connection)
        var budgets = try zip(groups, readings).map { group, reading in
            let held = parent.budget == nil ? nil : pins.held(for: parent.task, demand: group.demand)
            let list = held == nil ? nil : parent.budget?.priceList
            var budget = try price(reading, for: userID, pins.inherited, at: list, on: connection).budget
            if let held { budget.cover(held) }
            return budget
        }
        let covered = zip(groups, budgets).reduce(0) { $0 + $1.1.covered * Int64($1.0.inputs.count) }
        if covered > parent.budget?.held ?? 0 { for index in budgets.indices { budgets[index].cover(0) } }
        let costs = zip(groups, budgets).map { (cost: $1.maximumCost - $1.covered, count: $0.inputs.count) }
        guard try Budget.isCovered(costs, by: userID, on: connection) else { throw LaunchRefusal.insufficientCredits }
        if connection.transactionStatus == .idle { try connection.begin() }
        try connection.execute(Places.lock(of: userID))
        try Queue.requireCapacity(
            for: userID, groups.map { ($0.workflow.workflowID, $0.inputs.count) }, isLocked: true, on: connection)
        switch try Tree.room(in: place.root, for: count, limit: limits.descendants, on: connection) {
        case .available: break
        case .reachedLimit:
            connection.afterCommit { [observe] in observe(.treeFull(executionID: place.root)) }
            throw LaunchRefusal.treeFull(limit: limits.descendants)
        case .isFull: throw LaunchRefusal.treeFull(limit: limits.descendants)
        }
        for group in groups {
            if let lock = RunRemoval.keepingVersion(of: group.workflow.source), try connection.query(lock).isEmpty {
                throw LaunchRefusal.versionRemoved
            }
        }
        return (budgets, Tree.growing(place.root, by: count))
    }

    /// Executes a new run on the thread of its call, until it ends, has to wait, or has had its time, and then calls
    /// `answer`, which may take long for a large record. Returns nil if the run is to be queued instead: it needs a
    /// worker, or the user's runs occupy their share of the threads.
    ///
    /// - Throws: as `run` and `answer`.
    package func call<Answer>(
        _ execution: Execution, _ plan: Plan, on connection: Connection, with hooks: CommitHooks?,
        answer: (RunOutcome) throws -> Answer
    ) throws -> Answer? {
        guard !plan.flow.needsWorker else { return nil }
        return try shares.occupying(for: execution.userID) {
            try answer(run(execution, plan, on: connection, with: hooks))
        }
    }

    /// Executes a new run on this thread until it ends, has to wait, or has had its time.
    ///
    /// - Throws: `LaunchRefusal.insufficientCredits` or `.storage`; `Fenced` if the run was canceled or has failed
    ///   here,
    ///   or if a worker has claimed it.
    package func run(
        _ execution: Execution, _ plan: Plan, on connection: Connection, with hooks: CommitHooks?
    ) throws -> RunOutcome {
        do {
            return try Runner.run(
                plan.flow, execution, budget: plan.budget, engine: self, on: connection, with: hooks)
        } catch is InsufficientCredits {
            throw LaunchRefusal.insufficientCredits
        } catch let refusal as StorageRefusal {
            // A run of which nothing is stored leaves no trace; any other one fails.
            guard try end(execution, as: .failed, refusal.failure, lease: execution.id, on: connection) else {
                throw LaunchRefusal.storage(refusal)
            }
            throw Fenced()
        } catch let error as Fenced {
            observe(.leaseLost(executionID: execution.id))
            throw error
        }
    }

    /// Queues a new run in one transaction, with the copied steps if it is a fork.
    ///
    /// - Throws: `LaunchRefusal.queueFull`, `.versionRemoved`, `.insufficientCredits` or `.storage`.
    package func enqueue(_ execution: Execution, _ plan: Plan, on connection: Connection) throws {
        do {
            try connection.atomically { connection in
                try Queue.requireCapacity(
                    for: execution.userID, [(execution.source.workflowID, 1)], on: connection)
                let lock = RunRemoval.keepingVersion(of: execution.source)
                let results = try connection.pipeline(
                    (lock.map { [$0] } ?? []) + Queue.enqueue([execution], budget: plan.budget, counting: storage))
                if lock != nil, results[0].isEmpty { throw LaunchRefusal.versionRemoved }
            }
        } catch let error as PostgresError where error.isInsufficientCredits {
            throw LaunchRefusal.insufficientCredits
        } catch let error as PostgresError where StorageRefusal(error) != nil {
            throw LaunchRefusal.storage(.quotaExceeded)
        } catch let error as PostgresError where error.kind == .commitUnknown {
            // The answer of the commit was lost. The database shows whether the run is queued.
            let user = Visibility.user(execution.userID)
            guard try ShownExecution.findWithoutOutputs(execution.id, in: user, on: connection) != nil else {
                throw error
            }
        }
    }

    /// Cancels an active run and the runs that it started; returns false if it has already ended.
    package func cancel(_ execution: ExecutionOf<some JSONValue>, on connection: Connection) throws -> Bool {
        try end(
            execution, as: .canceled, TaskFailure(code: "canceled", message: "The run was canceled"), on: connection)
    }

    /// Ends an active run and the runs that it started, as `Queue.end` does; returns false if it has already ended.
    func end(
        _ execution: ExecutionOf<some JSONValue>, as status: ExecutionStatus, _ reason: TaskFailure,
        lease: String? = nil,
        on connection: Connection
    ) throws -> Bool {
        let ended = try Queue.end(execution, as: status, reason, lease: lease, on: connection)
        connection.afterCommit { [observe] in ended.forEach(observe) }
        return !ended.isEmpty
    }

    /// Queues a failed or canceled run again, to continue from the step at which it ended. Returns false if its state
    /// does not allow this.
    ///
    /// - Throws: `LaunchRefusal.queueFull` or `.insufficientCredits`.
    package func resume(
        _ execution: ExecutionOf<some JSONValue>, _ plan: Plan, on connection: Connection
    ) throws -> Bool {
        do {
            return try connection.atomically { connection in
                try Queue.requireCapacity(
                    for: execution.userID, [(execution.source.workflowID, 1)], on: connection)
                return try Queue.resume(
                    execution, plan.flow, budget: plan.budget, within: limits.lifetime, on: connection)
            }
        } catch let error as PostgresError where error.isInsufficientCredits {
            throw LaunchRefusal.insufficientCredits
        }
    }

    /// Applies a changed concurrency limit of a workflow to its runs.
    package func applyLimit(ofWorkflow id: String, of userID: String, on connection: Connection) throws {
        try connection.atomically { try Places.apply(limitOf: id, userID, on: $0) }
    }

    /// Delivers the signal that a step of the run waits for; returns false if it does not wait for one.
    ///
    /// - Parameter step: the number of the step.
    package func signal(
        _ executionID: String, step: Int, with value: JSON, on connection: Connection
    ) throws -> Bool {
        try Queue.signal(executionID, step: step, with: value, types: catalog.signaledTypes, on: connection)
    }
}

/// Why a run is not started.
package enum LaunchRefusal: Error, Sendable {
    /// The flow's problems, all at once.
    case invalid(Violations)
    /// Some of the flow's task types are not offered: an admin has switched them off, or a setting is missing.
    case inactive(Violations)
    /// Runs that start runs have reached their maximum depth.
    case tooDeep
    /// The run at the root of the tree has led to as many runs as it may.
    case treeFull(limit: Int)
    /// The user has as many runs in the queue as the queue accepts, or as the workflow does.
    case queueFull
    /// The version of the workflow was removed after it was read.
    case versionRemoved
    case insufficientCredits
    case storage(StorageRefusal)
}
