import Crypto
package import Postgres
import Synchronization
import System

/// What workers need: claims, leases, and the execution of claimed runs.
extension Engine {
    /// How long a claim is valid unless its lease is renewed.
    package static let leaseDuration = Duration.seconds(Lease.seconds)

    /// Claims a run of the user who has the next turn, if any run is due.
    package func claim(on connection: Connection) throws -> Claim? {
        let claim: Claim? = try trouble.watching {
            if let claim = try claimQueued(on: connection) { return claim }
            return try wakeDue(on: connection) > 0 ? try claimQueued(on: connection) : nil
        }
        if let claim { observe(.claimed(executionID: claim.execution.id)) }
        return claim
    }

    private func claimQueued(on connection: Connection) throws -> Claim? {
        let claim = try Queue.claim(
            lease: UUIDv7.make(), after: lastTurn.withLock(\.self), maxConcurrentRuns: limits.concurrentRuns,
            within: limits.lifetime, on: connection)
        if let claim { lastTurn.withLock { $0 = claim.execution.userID } }
        return claim
    }

    /// Queues runs that wait for a time which has come, for about that long; returns how many. Workers do it when
    /// nothing is queued, and once a second.
    @discardableResult
    package func wakeDue(for limit: Duration = TimeShare.ofDuty, on connection: Connection) throws -> Int {
        try Queue.wakeDue(during: TimeShare(limit), on: connection)
    }

    /// Admits runs to free places of their workflows that have been overlooked, for about that long. Workers do it once
    /// a second.
    package func admitOverlooked(for limit: Duration = TimeShare.ofDuty, on connection: Connection) throws {
        try Places.admitOverlooked(during: TimeShare(limit), on: connection)
    }

    /// The time until the next run becomes due, if that is within a second; negative for a run that became due after
    /// the last poll.
    package func nextDue(on connection: Connection) throws -> Duration? { try Queue.nextDue(on: connection) }

    /// Renews leases, and returns those that are still held.
    package func renew(
        _ leases: [(executionID: String, lease: String)], on connection: Connection
    ) throws -> Set<String> {
        try trouble.watching { try Queue.renew(leases, on: connection) }
    }

    /// Releases the lease of a claimed run that was interrupted or not begun, so that it is due at once for the next
    /// worker. Does nothing if the lease was lost.
    package func release(_ executionID: String, lease: String, on connection: Connection) throws {
        try release(executionID, lease, after: .zero, isCounted: false, on: connection)
    }

    /// A lease that cannot be released was lost.
    private func release(
        _ executionID: String, _ lease: String, after delay: Duration, isCounted: Bool, on connection: Connection
    ) throws {
        let isReleased = try Queue.release(executionID, lease, after: delay, isCounted: isCounted, on: connection)
        if !isReleased { observe(.leaseLost(executionID: executionID)) }
    }

    /// Makes runs due if their leases have expired because their process died or was stopped; returns how many. If the
    /// leases may have expired because of trouble with the database, these claims do not count.
    package func rescue(on connection: Connection) throws -> Int {
        try trouble.watching { try Queue.rescue(isTrouble: trouble.isRecent, on: connection) }
    }

    /// How the thread of this connection learns that a run is due.
    package func workNotifications(on connection: Connection) -> WorkNotifications {
        WorkNotifications(worker: UUIDv7.make(), on: connection)
    }

    /// How the thread of this connection learns that runs have ended.
    ///
    /// - Parameter observe: called when the database is unavailable; then not again until it has been available.
    package static func subscribe(
        on connection: Connection, observe: @escaping @Sendable (any Error) -> Void
    ) -> CompletionNotifications {
        CompletionNotifications(watcher: UUIDv7.make(), on: connection, observe: observe)
    }
}

extension Engine {
    /// Executes a claimed run until it ends or waits. A run that repeatedly crashes its workers, or has a flow that
    /// can no longer be read, is given up: it fails, and the reason is stored.
    ///
    /// - Throws: `PostgresError` if the database is in trouble. The run is due again after a pause, or when its lease
    ///   has expired.
    package func execute(
        _ claim: Claim, on connection: Connection, _ cancellation: Cancellation
    ) throws -> ClaimOutcome {
        try execute(claim, ending: nil, on: connection, cancellation)
    }

    /// - Parameter ending: the run's open step, after the end of its call.
    func execute(
        _ claim: Claim, ending: (run: ParkedRun, end: CallEnd)?, on connection: Connection,
        _ cancellation: Cancellation
    ) throws -> ClaimOutcome {
        guard claim.claims <= Claim.maximumClaims else {
            return try giveUp(
                claim,
                TaskFailure(
                    code: "dead_letter", message: "The run was given up after \(Claim.maximumClaims) attempts"),
                on: connection)
        }
        let execution = claim.execution
        guard let flow = try? flows.read(execution.flow, passesErrors: execution.passesErrors).flow else {
            // During a deploy, a worker of the other release may be able to read it.
            if claim.claims < Claim.maximumClaims { return try postpone(claim, Unreadable(), on: connection) }
            return try giveUp(
                claim, TaskFailure(code: "flow_invalid", message: "The flow names a task type that no longer exists"),
                on: connection)
        }
        do {
            if claim.isSuspect, try !Queue.isolate(claim, on: connection) { throw Fenced() }
            let outcome = try Runner.resume(
                flow, claim, ending: ending, engine: self, on: connection, cancellation)
            trouble.end()
            return switch outcome {
            case .ended: .ended
            case .waits: .waits
            case .calls(let run): .calls(run)
            }
        } catch is Fenced {
            return .lost
        } catch is InsufficientCredits {
            return try giveUp(claim, .insufficientCredits, on: connection)
        } catch let refusal as StorageRefusal {
            return try giveUp(claim, refusal.failure, on: connection)
        } catch let error as PostgresError where error.isDatabaseTrouble {
            trouble.record(mayExpireLeases: error.isUnavailability)
            try Queue.release(
                claim.execution.id, claim.lease, after: trouble.delay, isCounted: false, on: connection)
            if error.isContention { return .postponed(error) }
            throw error
        } catch {
            return try postpone(claim, error, on: connection)
        }
    }

    /// A flow that this release cannot read.
    private struct Unreadable: Error {}

    /// Releases the run with a delay, because after an unknown error an immediate retry would most likely fail again.
    private func postpone(_ claim: Claim, _ error: any Error, on connection: Connection) throws -> ClaimOutcome {
        try release(
            claim.execution.id, claim.lease, after: .seconds(claim.claims), isCounted: true, on: connection)
        return .postponed(error)
    }

    private func giveUp(_ claim: Claim, _ reason: TaskFailure, on connection: Connection) throws -> ClaimOutcome {
        let hasEnded = try end(claim.execution, as: .failed, reason, lease: claim.lease, on: connection)
        return hasEnded ? .ended : .lost
    }
}
