import JSON
import Postgres

/// Puts a run on the record: what of it is in the database, and what the next commit adds.
///
/// A run that is not over after a commit has a row in `queue`. Every later write asks for the lease in it; when it is
/// there no more, the statement divides by zero on purpose, so that in one round trip the whole commit fails.
struct Checkpoint {
    /// What becomes of the run after a commit.
    enum Disposition {
        case running
        case waits(Due)
        case finished
    }

    private(set) var execution: Execution
    /// The step at hand, if it is to be on record before it is over.
    var openStep: Step?
    private(set) var isStored: Bool
    private(set) var storedSteps: Int
    private(set) var isOpenStepStored: Bool
    let lease: String
    let concurrencyLimit: ConcurrencyLimit?
    private(set) var budget: Budget

    init(_ execution: Execution, lease: String, budget: Budget) {
        self.execution = execution
        self.lease = lease
        self.budget = budget
        concurrencyLimit = nil
        (isStored, storedSteps, isOpenStepStored) = (false, 0, false)
    }

    /// Of a run that is taken up again, with its steps.
    init(_ claim: Claim) {
        execution = claim.execution
        lease = claim.lease
        budget = claim.budget
        concurrencyLimit = claim.concurrencyLimit
        isStored = true
        if let last = execution.steps.last, !last.status.isEnd, !last.isSuperseded {
            openStep = execution.steps.removeLast()
        }
        isOpenStepStored = openStep != nil
        storedSteps = execution.steps.count
    }

    /// The number of the step that comes next, or that is open.
    var nextNumber: Int { (execution.steps.last?.number ?? 0) + 1 }

    mutating func append(_ step: Step) {
        var step = step
        if step.status == .success { step.cost = budget.price(of: step.type) }
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

    /// Commits everything since the last commit, with the open transaction if there is one and with `others`. When the
    /// answer to the commit was lost, the database is asked whether it happened; an error from here means that it did
    /// not, or that even this question got no answer.
    ///
    /// - Throws: `Fenced` when the run is not this lease's any more, `InsufficientCredits` when it cannot be paid.
    mutating func commit(
        _ disposition: Disposition, on connection: Connection, elapsed: Duration, together others: [SQL] = []
    ) throws {
        let fresh = execution.steps[storedSteps...]
        let payment = budget.payment(
            for: fresh.reduce(0) { $0 + $1.cost }, of: execution, isFirst: !isStored, isLast: disposition.isOver)
        let statement = isStored ? later(disposition) : opening(disposition, elapsed)
        let placed = disposition.isOver ? concurrencyLimit?.around(statement) : nil
        let lock = concernsOthers(disposition, others) ? [ConcurrencyLimit.lock(of: execution.userID)] : []
        if connection.transactionStatus == .idle { try connection.begin() }
        do {
            try connection.commit(after: lock + (placed ?? [statement]) + others + payment)
        } catch {
            if error.sqlState == .divisionByZero { throw Fenced() }
            if error.isInsufficientCredits { throw InsufficientCredits() }
            guard error.kind == .commitUnknown, try isOnRecord(connection) else { throw error }
        }
        isStored = true
        storedSteps = execution.steps.count
        isOpenStepStored = openStep != nil
    }

    /// Whether a commit changes the concurrencyLimit of other runs in the queue: of those which a step starts, or of the one that
    /// waits for this one.
    private func concernsOthers(_ disposition: Disposition, _ others: [SQL]) -> Bool {
        switch disposition {
        case .running: false
        case .waits: !others.isEmpty
        case .finished: execution.parent != nil
        }
    }

    /// Whether a commit whose answer was lost did happen: its last step is there as it was written, and so is the run.
    private func isOnRecord(_ connection: Connection) throws -> Bool {
        let last = openStep ?? execution.steps.last
        return try !connection.query(
            """
            SELECT 1 FROM executions e
            WHERE e.id = \(execution.id) AND e.status = \(execution.status.rawValue) AND EXISTS (
                SELECT 1 FROM steps s
                WHERE s.execution_id = e.id AND s.seq = \(last?.number ?? 0) AND s.status = \(optional: last?.status.rawValue)
                    AND s.attempt = \(last?.attempt ?? 0))
            """
        ).isEmpty
    }
}

extension Checkpoint.Disposition {
    var isOver: Bool {
        if case .finished = self { true } else { false }
    }
}
