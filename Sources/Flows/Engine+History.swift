package import Postgres
import System

/// The ends of runs and records with the time.
extension Engine {
    /// Ends active runs that have lasted longer than a run may, for about that long. Returns whether more are left.
    package func expireRuns(for limit: Duration = TimeShare.ofDuty, on connection: Connection) throws -> Bool {
        let (share, count) = (TimeShare(limit), 100)
        let runs = try Queue.overdue(after: limits.lifetime, limit: count, on: connection)
        var (hasEnded, failure): (Bool, PostgresError?) = (false, nil)
        for run in runs where !share.isOver {
            do {
                let ends = try Queue.expire(run, after: limits.lifetime, on: connection)
                ends.forEach(observe)
                hasEnded = hasEnded || !ends.isEmpty
            } catch let error as PostgresError where !error.isDatabaseTrouble {
                // One that cannot be ended does not delay the younger ones.
                failure = error
            }
        }
        if let failure { throw failure }
        if share.isOver { return true }
        // Those that are left are locked now.
        return hasEnded && runs.count == count
    }

    /// Drops the next part of the history that is older than the retention. Returns false if nothing is left to drop.
    func dropSomeHistory(on connection: Connection) throws -> Bool {
        if try History.countSome(storage, on: connection) { return true }
        guard let days = limits.retention, let month = try History.dropOldest(after: days, on: connection) else {
            return false
        }
        observe(.historyDropped(month: month))
        return true
    }
}
