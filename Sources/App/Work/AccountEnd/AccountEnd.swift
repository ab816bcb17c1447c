package import Flows
package import Postgres
import System

/// The end of an account, by an admin, a command or its expiry, ends the runs that belong to it.
package enum AccountEnd {
    /// Cancels runs of users that are disabled or deleted, as many as there is time for. Returns whether runs are left.
    package static func endSomeRuns(by engine: Engine, on connection: Connection) throws -> Bool {
        let share = TimeShare()
        while let userID = try nextUser(on: connection) {
            let count = try engine.endRuns(ofEndedAccount: userID, on: connection)
            if count == 0 || share.isOver { return true }
        }
        try markUsersWithoutRuns(on: connection)
        return false
    }
}
