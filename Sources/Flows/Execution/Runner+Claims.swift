import JSON
package import Postgres

extension Runner {
    /// What became of a claim.
    package enum Work: Sendable {
        case ended
        /// The run is in the queue again, due then.
        case waits(Due)
        /// Somebody else has the run, or it was canceled: what was done since its last commit did not take place.
        case lost
        /// It could not go on now; another worker tries it later. The reason is for the log.
        case postponed(any Error)
    }

    /// Takes a claimed run as far as it goes. A run that keeps ending its workers, or cannot be read any more, is given
    /// up: it has failed, with the reason on record.
    ///
    /// - Throws: `PostgresError` when the database is not to be reached: the lease then runs out.
    package static func work(
        on claim: Claim, flows: FlowCache, on connection: Connection, _ cancellation: Cancellation
    ) throws -> Work {
        guard claim.claims <= Claim.most else {
            return try giveUp(
                claim, TaskFailure(code: "dead_letter", message: "The run was given up after \(Claim.most) attempts"),
                on: connection)
        }
        guard let flow = flows.flow(of: claim.execution) else {
            // While releases change, a worker of the other one may know it.
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

    /// Not at once: what failed for a reason unknown would most likely fail again. Where others hold what it needs, such
    /// as a stopped worker whose transaction is still open, the run itself is none the worse.
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
