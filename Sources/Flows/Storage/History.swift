package import Postgres
import System

/// The records of runs lie in partitions, one for each month, by the times in their ids. A partition is made before its
/// month begins, and dropped as a whole when all of its runs are older than the retention.
///
/// The program's role may not change tables: functions of the role that migrates do it (`0045_months.sql`). They take
/// locks that all runs wait for, wait for these no longer than half a second, and do nothing while another connection is
/// at it. If a lock is not available, the next pass attempts it again: months are made two ahead.
package enum History {
    /// One pass: makes the months ahead, then drops what is too old, in parts.
    package struct Pass {
        /// How many rows without a month a pass reads under a lock to make the months that were missed.
        private let readableRows: Int64
        private var isPrepared = false

        /// - Parameter readsAll: whether it reads any number of them, which takes long if they are many.
        package init(readsAll: Bool = false) {
            readableRows = readsAll ? Int64(Int32.max) : 20_000
        }

        /// Does the next part. Returns false at the end of the pass; the next call begins another one.
        package mutating func advance(
            by engine: Engine, for limit: Duration = TimeShare.ofDuty, on connection: Connection
        ) throws -> Bool {
            do {
                if !isPrepared {
                    if try prepare(readingUpTo: readableRows, on: connection) < 0 { engine.observe(.monthsMissing) }
                    isPrepared = true
                }
                let share = TimeShare(limit)
                while try engine.dropSomeHistory(on: connection) {
                    if share.isOver { return true }
                }
            } catch let error as PostgresError where error.sqlState == .lockNotAvailable {
                engine.observe(.historyLocked)
            }
            isPrepared = false
            return false
        }
    }

    /// Makes the partitions of this month and the next two, and returns how many were missing; less than zero: there
    /// are more than that many rows without a month, so none was made.
    static func prepare(readingUpTo rows: Int64, on connection: Connection) throws -> Int {
        try connection.query("SELECT make_history_partitions(\(rows))").only.decode(Int.self)
    }

    /// How many runs one statement counts.
    private static let batch = 200

    /// Gives the bytes of some dropped runs back to their users. Returns false if there are none.
    ///
    /// It waits for the rows of an owner of deleted workflows as long as the connection's limit says: what the owner is
    /// doing ends within seconds.
    static func countSome(_ quota: StorageQuota, on connection: Connection) throws -> Bool {
        try connection.transaction { connection in
            let counted = try connection.query(
                """
                SELECT workflow, owner FROM count_dropped_history(\(batch)) c
                LEFT JOIN LATERAL unnest(c.workflows, c.owners) AS deleted (workflow, owner) ON true
                """)
            for row in counted {
                let (workflowID, owner) = try row.decode(String?.self, String?.self)
                guard let workflowID, let owner else { continue }
                try connection.pipeline(
                    RunRemoval.removingVersions(of: workflowID, ownedBy: owner, counting: quota))
            }
            return !counted.isEmpty
        }
    }

    /// Takes the oldest partition out of the tables if all of its runs are older than the retention, and returns its
    /// month; nil if there is none.
    static func dropOldest(after days: Int, on connection: Connection) throws -> String? {
        try connection.query(
            "SELECT drop_history_partition(now() - \(days)::integer * interval '1 day')"
        ).only.decode(String?.self)
    }
}
