import Flows
import Postgres
import SharedMemory
import System
import WorkerPool

extension WorkerQueue {
    /// The queue in the database; each slot and the lease keeper have a connection of their own to it. Each slot shows
    /// in the scoreboard what it executes.
    init(of engine: Engine, in database: PostgresConfiguration, showing scoreboard: Scoreboard) {
        self.init(
            makePoll: {
                let connection = Connection(database)
                let seat = scoreboard.takeSeat()
                return { try engine.poll(on: connection, at: seat) }
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
    fileprivate func poll(on connection: Connection, at seat: Seat?) throws -> WorkerQueue.PollResult {
        guard let claim = try claim(on: connection) else { return .nothing(next: try nextDue(on: connection)) }
        let cancellation = Cancellation()
        let job = Job(
            lease: Lease(run: claim.execution.id, token: claim.lease), isSuspect: claim.isSuspect,
            run: {
                seat?.begin()
                defer { seat?.end() }
                seat?.show(run: claim.execution.id)
                let result = try WorkerSeat.$current.withValue(seat) {
                    try self.execute(claim, on: connection, cancellation)
                }
                switch result {
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

/// The row of the scoreboard that belongs to the slot of this thread.
enum WorkerSeat {
    @TaskLocal static var current: Seat?
}
