package import Flows
package import Postgres
import System

/// Starts the runs of schedules that are due. Every worker does so once a second.
///
/// A schedule is locked and its times are read by the database's clock; then one transaction starts the run, stores
/// what has become of the instant and sets the next one. So an instant starts one run, however many workers there are,
/// and whatever the clock does: what is decided stays decided. If the run cannot be started, the next instant is
/// awaited, so that nothing piles up. After an error of the database the schedule stays due.
package struct Scheduler {
    /// How many schedules are looked for at once.
    private static let batch = 200

    let engine: Engine
    let connection: Connection
    private let observe: (ApplicationEvent) -> Void

    package init(
        _ engine: Engine, on connection: Connection, observe: @escaping (ApplicationEvent) -> Void = { _ in }
    ) {
        self.engine = engine
        self.connection = connection
        self.observe = observe
    }

    /// Decides about instants that are due, for about that long. Returns whether some are left.
    ///
    /// - Throws: if the database is in trouble; another error of a schedule after the others had their turns.
    package func fireSome(for limit: Duration = TimeShare.ofDuty) throws -> Bool {
        let share = TimeShare(limit)
        // Their schedules wait for the next call, because another transaction was in the way, or an error.
        var passedOver: Set<String> = []
        var failure: (any Error)?
        var count = 0
        repeat {
            count = 0
            for (id, userID) in try DueSchedule.next(Self.batch, on: connection) where !passedOver.contains(userID) {
                do {
                    if let event = try decide(id) {
                        observe(event)
                        count += 1
                    }
                } catch let error as PostgresError where error.isDatabaseTrouble && !error.isContention {
                    throw error
                } catch {
                    passedOver.insert(userID)
                    let isExpected = error is LaunchRefusal || (error as? PostgresError)?.isContention == true
                    if !isExpected { failure = error }
                }
                if share.isOver { break }
            }
        } while count > 0 && !share.isOver
        if let failure { throw failure }
        return share.isOver
    }
}
