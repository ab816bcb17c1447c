import Flows
import Postgres
import System
import WorkerPool

extension WorkerQueue {
    /// The queue in the database; each slot and the lease keeper have a connection of their own to it.
    init(of engine: Engine, in database: PostgresConfiguration) {
        self.init(
            makePoll: {
                let connection = Connection(database)
                return { try engine.poll(on: connection) }
            },
            makeLeaseKeeper: {
                var database = database
                // A duty that took longer would let the leases of the process expire.
                database.statementTimeout = .seconds(3)
                database.answerTimeout = .seconds(4)
                let notifications = engine.workNotifications(on: Connection(database))
                return LeaseKeeper(
                    renew: { leases in
                        let held = try engine.renew(
                            leases.map { (executionID: $0.run, lease: $0.token) }, on: notifications.connection)
                        return Set(leases.filter { !held.contains($0.token) })
                    },
                    duties: Duties.all(of: engine, on: notifications.connection),
                    register: notifications.register, unregister: notifications.unregister,
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

extension Engine {
    /// The next run that is due.
    fileprivate func poll(on connection: Connection) throws -> WorkerQueue.PollResult {
        guard let claim = try claim(on: connection) else { return .nothing(next: try nextDue(on: connection)) }
        let cancellation = Cancellation()
        let job = Job(
            lease: Lease(run: claim.execution.id, token: claim.lease), isSuspect: claim.isSuspect,
            run: {
                switch try self.execute(claim, on: connection, cancellation) {
                case .ended, .waits: return .settled
                // The lease was lost, or the step was aborted because the worker exits: a lost lease cannot be
                // released.
                case .lost: return .unfinished
                case .postponed(let reason): return .failed(reason)
                }
            },
            release: { try self.release(claim, on: connection) },
            interrupt: { interruption in
                switch interruption {
                case .afterStep: cancellation.requestAfterStep()
                case .atOnce: cancellation.request()
                }
            })
        return .job(job)
    }
}
