import JSON
import Postgres

/// Stores a run: tracks which part of it is in the database, and commits the rest.
///
/// A run that has not ended after a commit has a row in `queue`. Every later write checks the lease in that row. If the
/// lease is lost, the statement divides by zero on purpose, so that the whole commit fails within the same round trip.
struct Checkpoint {
    /// The state of the run after a commit.
    enum Disposition {
        case running
        case waits(Due)
        case finished
    }

    private(set) var execution: Execution
    /// The current step, if it is to be stored before it has ended.
    var openStep: Step?
    private(set) var isStored: Bool
    private(set) var storedSteps: Int
    private(set) var isOpenStepStored: Bool
    let lease: String
    let executor: Executor
    /// The workflow of which the run holds a place.
    private let limitedWorkflow: String?
    private(set) var budget: Budget
    /// The cost of all steps that have ended, in credits.
    private(set) var cost: Int64 = 0
    /// The texts of the outputs of the stored steps, which the answer of the call contains; none for a worker.
    private(set) var outputs: [JSONText] = []
    /// What the event log knows of the run.
    private var logged: Logged

    /// The checkpoint of a new run, which the thread of its call executes.
    init(_ execution: Execution, budget: Budget, hooks: CommitHooks?) {
        self.execution = execution
        // The id is unique, so it can serve as the first lease.
        lease = execution.id
        self.budget = budget
        executor = .call(hooks)
        limitedWorkflow = nil
        (isStored, storedSteps, isOpenStepStored) = (false, 0, false)
        logged = Logged()
    }

    /// The checkpoint of a claimed run, with its stored steps.
    init(_ claim: Claim, _ cancellation: Cancellation) {
        execution = claim.execution
        lease = claim.lease
        budget = claim.budget
        executor = .worker(cancellation)
        limitedWorkflow = claim.isLimited ? claim.execution.source.workflowID : nil
        isStored = true
        if let last = execution.steps.last, !last.status.isEnd, !last.isSuperseded {
            openStep = execution.steps.removeLast()
        }
        isOpenStepStored = openStep != nil
        storedSteps = execution.steps.count
        logged = Logged(openStep)
        cost = claim.progress?.cost ?? execution.steps.reduce(0) { $0 + $1.cost }
    }

    /// The number of the open step, or of the next step if none is open.
    var nextNumber: Int { (execution.steps.last?.number ?? 0) + 1 }

    /// The number of the last step that has ended and that no later one repeats; 0 before the first. What follows it is
    /// read with it: from a superseded step alone, neither the current task nor its input is known.
    var lastCounted: Int { execution.steps.last { !$0.isSuperseded }?.number ?? 0 }

    /// Leaves credits to the runs that the next commit starts.
    mutating func transfer(_ credits: Int64) { budget.transfer(credits) }

    /// - Parameter types: those that the step has run.
    mutating func append(_ step: Step, of types: [String]) {
        var step = step
        if step.status == .success { step.cost = budget.price(of: types) }
        cost += step.cost
        execution.steps.append(step)
        openStep = nil
    }

    mutating func end(_ status: ExecutionStatus, stoppedAt: String?, _ failure: TaskFailure?, after duration: Duration)
    {
        execution.status = status
        execution.stoppedAt = stoppedAt
        execution.failure = failure
        execution.duration = duration
    }

    /// Commits everything since the last commit, together with the open transaction, if there is one, and `others`. If
    /// the answer to the commit is lost, a query finds out whether the commit happened. So an error means that it did
    /// not happen, or that this query failed too.
    ///
    /// - Parameter progress: of the steps that have ended.
    /// - Throws: `Fenced` if the run no longer has this lease, `InsufficientCredits` if the credits do not suffice.
    mutating func commit(
        _ disposition: Disposition, _ progress: RunProgress, on connection: Connection, elapsed: Duration,
        counting quota: StorageQuota,
        together others: [SQL] = []
    ) throws {
        let fresh = execution.steps[storedSteps...]
        let payment = budget.payment(
            for: fresh.reduce(0) { $0 + $1.cost }, of: execution, isFirst: !isStored, isLast: disposition.isOver)
        let steps = NewSteps(of: self)
        let statement =
            isStored
            ? later(disposition, progress, steps, counting: quota)
            : opening(disposition, progress, steps, elapsed, counting: quota)
        if connection.transactionStatus == .idle { try connection.begin() }
        do {
            let results = try connection.commit(after: withPlaces(disposition, [statement] + others) + payment)
            // Its first statement: a run of a call holds no place.
            if !isStored, var columns = results.first?.first?.columns { execution.createdAt = try columns.next() }
        } catch {
            if error.sqlState == .divisionByZero { throw Fenced() }
            if error.isInsufficientCredits { throw InsufficientCredits() }
            guard error.kind == .commitUnknown, let created = try creationIfStored(connection) else { throw error }
            execution.createdAt = created
        }
        isStored = true
        storedSteps = execution.steps.count
        isOpenStepStored = openStep != nil
        logged = Logged(openStep, disposition)
        if case .call = executor { outputs += steps.outputs }
    }

    /// The call that logs what the commit changes; nil if it changes nothing that readers see.
    func loggingChanges(_ disposition: Disposition) -> SQL? {
        var steps = Array(execution.steps[storedSteps...])
        if let openStep, logged.step != Logged.Step(openStep) { steps.append(openStep) }
        let status = disposition.isOver ? execution.status : disposition.activeStatus
        let change =
            logged.status == status ? nil : RunStatusChange(status, of: execution, cost: cost)
        let isOpening = !isStored && !disposition.isOver
        return RunChanges(status: change, isOpening: isOpening).text(with: steps).map {
            RunChanges.writing(
                $0, of: execution.id, ownedBy: execution.userID,
                startedBy: "\(optional: execution.starter.keyID)::uuid")
        }
    }

    /// The statements of a commit, with what it means for the places of workflows.
    private func withPlaces(_ disposition: Disposition, _ statements: [SQL]) -> [SQL] {
        let givesUpPlace = disposition.isOver || disposition.waitsForRuns
        let admissions = [
            givesUpPlace ? limitedWorkflow.map(Places.admit) : nil,
            disposition.isOver ? Places.admitParent(of: execution) : nil,
        ].compactMap(\.self)
        guard givesUpPlace, !admissions.isEmpty || disposition.waitsForRuns else { return statements }
        return [Places.lock(of: execution.userID)] + statements + admissions
    }

    /// When the run was created, if a commit has happened although its answer was lost: the run and its last step are
    /// stored as they were written.
    private func creationIfStored(_ connection: Connection) throws -> Int64? {
        let last = openStep ?? execution.steps.last
        return try connection.query(
            """
            SELECT (extract(epoch FROM e.created_at) * 1000000)::bigint FROM executions e
            WHERE e.id = \(execution.id) AND e.status = \(execution.status.rawValue) AND EXISTS (
                SELECT 1 FROM steps s
                WHERE s.execution_id = e.id AND s.seq = \(last?.number ?? 0)
                    AND s.status = \(optional: last?.status.rawValue) AND s.attempt = \(last?.attempt ?? 0))
            """
        ).first?.decode(Int64.self)
    }
}

extension Checkpoint {
    /// The state of a run in the event log. A claim is not logged: that the run is being executed follows from its next
    /// commit.
    private struct Logged {
        /// What distinguishes the events of one step.
        struct Step: Equatable {
            let number: Int
            let status: StepStatus
            let attempt: Int

            init(_ step: Flows.Step) { (number, status, attempt) = (step.number, step.status, step.attempt) }
        }

        /// Nil before the first commit.
        var status: ExecutionStatus?
        /// The step that has not ended.
        var step: Step?

        init() {}

        /// That of a claimed run.
        init(_ openStep: Flows.Step?) {
            step = openStep.map(Step.init)
            status = openStep?.status == .running ? .running : openStep == nil ? .queued : .waiting
        }

        /// That after a commit.
        init(_ openStep: Flows.Step?, _ disposition: Disposition) {
            step = openStep.map(Step.init)
            status = disposition.isOver ? nil : disposition.activeStatus
        }
    }
}

extension Checkpoint.Disposition {
    /// The status of an active run after the commit.
    fileprivate var activeStatus: ExecutionStatus {
        switch self {
        case .waits(.after(let delay)) where delay <= .zero: .queued
        case .waits: .waiting
        case .running, .finished: .running
        }
    }

    var isOver: Bool {
        if case .finished = self { true } else { false }
    }

    /// Whether the run waits for runs that it has started.
    var waitsForRuns: Bool {
        if case .waits(.runs) = self { true } else { false }
    }
}
