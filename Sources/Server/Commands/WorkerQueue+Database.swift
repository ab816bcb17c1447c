import App
import Crypto
import Flows
import Postgres
import SharedMemory
import System
import WorkerPool

extension WorkerQueue {
    /// The queue in the database; each slot and the lease keeper have a connection of their own to it. Each slot shows
    /// in the scoreboard what it executes.
    ///
    /// - Parameters:
    ///   - keys: those of the settings.
    ///   - sendNotifications: as of `Duties.all`.
    ///   - observe: called by the duties.
    init(
        of engine: Engine, in database: PostgresConfiguration, showing scoreboard: Scoreboard,
        sealing keys: KeyRing?, sendNotifications: @escaping @Sendable () throws -> Void,
        observe: @escaping @Sendable (ApplicationEvent) -> Void
    ) {
        let parked = ParkedRuns()
        self.init(
            makeAccess: {
                let slot = WorkerSlot(
                    engine: engine, connection: Connection(database), seat: scoreboard.takeSeat(), parked: parked)
                return Access(poll: slot.poll, resume: slot.resume)
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
                    duties: Duties.all(
                        of: engine, sealing: keys, on: notifications.connection,
                        sendNotifications: sendNotifications, observe: observe),
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
