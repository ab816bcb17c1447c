import JSON
package import Postgres

extension Runner {
    /// The result of executing a claimed run.
    package enum Work: Sendable {
        case ended
        /// The run is in the queue again and is due then.
        case waits(Due)
        /// Another worker has the run, or it was canceled or aborted. Nothing since its last commit is recorded.
        case lost
        /// The run could not continue; a worker retries it later. The error is for the log.
        case postponed(any Error)
    }

    /// Executes a claimed run until it ends or waits. A run that repeatedly crashes its workers, or whose flow can no
    /// longer be read, is given up: it fails, and the reason is stored.
    ///
    /// - Throws: `PostgresError` if the database is unavailable; the lease then expires.
    package static func work(
        on claim: Claim, flows: FlowCache, on connection: Connection, _ cancellation: Cancellation
    ) throws -> Work {
        guard claim.claims <= Claim.most else {
            return try giveUp(
                claim, TaskFailure(code: "dead_letter", message: "The run was given up after \(Claim.most) attempts"),
                on: connection)
        }
        guard let flow = flows.flow(of: claim.execution) else {
            // During a deploy, a worker of the other release may be able to read it.
            if claim.claims < Claim.most { return try postpone(claim, Unreadable(), on: connection) }
            return try giveUp(
                claim, TaskFailure(code: "flow_invalid", message: "The flow names a task type that no longer exists"),
                on: connection)
        }
        do {
            return switch try resume(flow, claim, on: connection, cancellation) {
            case .ended: .ended
            case .waits(_, let due): .waits(due)
            }
        } catch is Fenced {
            return .lost
        } catch is InsufficientCredits {
            return try giveUp(claim, .insufficientCredits, on: connection)
        } catch let error as PostgresError where error.isUnavailability {
            throw error
        } catch {
            return try postpone(claim, error, on: connection)
        }
    }

    /// A flow that this release cannot read.
    private struct Unreadable: Error {}

    /// Releases the run with a delay, because after an unknown error an immediate retry would most likely fail again.
    /// If another transaction holds a lock that the run needs, such as that of a stopped worker, the claim is not
    /// counted.
    private static func postpone(_ claim: Claim, _ error: any Error, on connection: Connection) throws -> Work {
        let isBlocked = (error as? PostgresError)?.isContention ?? false
        try Queue.release(claim, after: .seconds(claim.claims), isUntried: isBlocked, on: connection)
        return .postponed(error)
    }

    private static func giveUp(_ claim: Claim, _ reason: TaskFailure, on connection: Connection) throws -> Work {
        let isOurs = try Queue.end(
            claim.execution.id, of: claim.execution.userID, as: .failed, reason, lease: claim.lease,
            maxConcurrentRuns: claim.concurrencyLimit.maxConcurrentRuns, on: connection)
        return isOurs ? .ended : .lost
    }
}
