import Crypto
import Flows
import Postgres
import System
import WorkerPool

/// How queued runs are executed.
struct Runs: Sendable {
    let flows: FlowCache
    /// The limit of active queued runs per user; nil: no limit.
    let maxConcurrentRuns: Int?

    /// The next run that is due.
    fileprivate func next(on connection: Connection) throws -> WorkerQueue.PollResult {
        guard let claim = try Queue.claim(lease: UUIDv7.make(), maxConcurrentRuns: maxConcurrentRuns, on: connection)
        else {
            return .nothing(next: try Queue.nextDue(on: connection))
        }
        let cancellation = Cancellation()
        let job = Job(
            lease: WorkerPool.Lease(run: claim.execution.id, token: claim.lease),
            run: {
                switch try Runner.work(on: claim, flows: flows, on: connection, cancellation) {
                case .ended, .waits: return .settled
                // The lease was lost, or the step was aborted because the worker exits: a lost lease cannot be
                // released.
                case .lost: return .unfinished
                case .postponed(let reason): throw reason
                }
            },
            release: { try Queue.release(claim, isUntried: true, on: connection) },
            interrupt: { interruption in
                switch interruption {
                case .afterStep: cancellation.requestAfterStep()
                case .atOnce: cancellation.request()
                }
            })
        return .job(job)
    }
}

extension WorkerQueue {
    /// The queue in the database; each slot and the lease keeper have a connection of their own to it.
    init(of runs: Runs, in database: PostgresConfiguration) {
        self.init(
            makePoll: {
                let connection = Connection(database)
                return { try runs.next(on: connection) }
            },
            makeLeaseKeeper: {
                let notifications = WorkNotifications(worker: UUIDv7.make(), on: Connection(database))
                var housekeeping = Housekeeping(from: .now)
                return LeaseKeeper(
                    renew: { leases in
                        let held = try Queue.renew(
                            Dictionary(leases.map { ($0.run, $0.token) }) { $1 }, on: notifications.connection)
                        return Set(leases.filter { !held.contains($0.token) })
                    },
                    rescue: {
                        let count = try Queue.rescue(on: notifications.connection)
                        try housekeeping.runNext(at: .now, on: notifications.connection)
                        return count
                    }, register: notifications.register, unregister: notifications.unregister,
                    wait: { wakeUp, deadline in
                        let limit = deadline - .now
                        if let isNotified = try notifications.wait(for: limit, unlessReadable: wakeUp.descriptor) {
                            return isNotified
                        }
                        wakeUp.wait(until: deadline)
                        return false
                    })
            })
    }
}
