import Flows
import Postgres
import SharedMemory
import Synchronization
import WorkerPool

/// What a slot of a worker executes: runs that it claims, and parked runs that can be continued.
struct WorkerSlot {
    let engine: Engine
    let connection: Connection
    let seat: Seat?
    let parked: ParkedRuns

    /// The next run that is due.
    func poll() throws -> WorkerQueue.PollResult {
        guard let claim = try engine.claim(on: connection) else {
            return .nothing(next: try engine.nextDue(on: connection))
        }
        let cancellation = Cancellation()
        return .job(
            job(Lease(run: claim.execution.id, token: claim.lease), isSuspect: claim.isSuspect, cancellation) {
                try engine.execute(claim, on: connection, cancellation)
            })
    }

    /// A parked run after the end of its call.
    func resume(_ lease: Lease) -> Job {
        guard let (run, cancellation) = parked.remove(lease) else { preconditionFailure("the run is not parked") }
        return job(lease, isSuspect: false, cancellation) {
            try engine.resume(run, on: connection, cancellation)
        }
    }

    private func job(
        _ lease: Lease, isSuspect: Bool, _ cancellation: Cancellation, _ body: @escaping () throws -> ClaimOutcome
    ) -> Job {
        Job(
            lease: lease, isSuspect: isSuspect,
            run: {
                seat?.begin()
                defer { seat?.end() }
                seat?.show(run: lease.run)
                switch try WorkerSeat.$current.withValue(seat, operation: body) {
                case .ended, .waits: return .settled
                case .calls(let run):
                    parked.add(run, cancellation, as: lease)
                    return .parked { [engine] in engine.begin(run, cancellation, ready: $0) }
                // The lease was lost, or the step was aborted because the worker exits: a lost lease cannot be
                // released.
                case .lost: return .unfinished
                case .postponed(let reason): return .failed(reason)
                }
            },
            release: { try engine.release(lease.run, lease: lease.token, on: connection) },
            interrupt: { [engine, parked] interruption in
                switch interruption {
                case .afterStep: cancellation.requestAfterStep()
                case .atOnce: cancellation.request()
                }
                if let run = parked[lease] { engine.abandon(run, ifWaiting: interruption == .afterStep) }
            })
    }
}

/// The parked runs of a process.
final class ParkedRuns: Sendable {
    private let runs = Mutex<[Lease: (run: ParkedRun, cancellation: Cancellation)]>([:])

    subscript(lease: Lease) -> ParkedRun? { runs.withLock { $0[lease]?.run } }

    func add(_ run: ParkedRun, _ cancellation: Cancellation, as lease: Lease) {
        runs.withLock { $0[lease] = (run, cancellation) }
    }

    func remove(_ lease: Lease) -> (run: ParkedRun, cancellation: Cancellation)? {
        runs.withLock { $0.removeValue(forKey: lease) }
    }
}

/// The row of the scoreboard that belongs to the slot of this thread.
enum WorkerSeat {
    @TaskLocal static var current: Seat?
}
