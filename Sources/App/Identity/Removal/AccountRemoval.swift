package import Postgres
import System

/// The removal of accounts. A deleted account is gone at once: it is not found any more, and its names are free. What
/// it had is removed afterwards in parts, by the workers. The ledger and the audit log stay, which have ids instead of
/// names, and the account's row without its names.
package enum AccountRemoval {
    /// Calls in flight may still store something for so long after the deletion, in seconds.
    static let grace = 60
    /// How many rows a part has at most: of those that may be large, and of the others.
    static let largeRows = 20
    static let smallRows = 1_000

    /// Removes parts of what deleted accounts had, for about that long. Returns whether there is more to do.
    package static func removeSome(
        on connection: Connection, for limit: Duration = TimeShare.ofDuty
    ) throws -> Bool {
        let share = TimeShare(limit)
        let mayHaveMore = try reviewSome(on: connection) == smallRows
        while try removePart(on: connection) {
            if share.isOver { return true }
        }
        return mayHaveMore
    }

    /// Removes one part of what one account had. Returns false if nothing is due.
    private static func removePart(on connection: Connection) throws -> Bool {
        try connection.transaction { connection in
            guard let userID = try nextDue(on: connection) else { return false }
            for part in parts where try part(userID, connection) > 0 { return true }
            try finish(userID, on: connection)
            return true
        }
    }
}
