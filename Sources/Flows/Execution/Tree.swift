import Postgres

/// A run and all runs that it leads to: those that its steps start, and those that these start.
enum Tree {
    /// Where a run is in its tree: the run at the root, and how many runs lie between the two, both included.
    struct Place {
        let root: String
        let depth: Int
    }

    /// Finds the place of a run; `depth` is counted up to `limit`.
    static func place(of id: String, limit: Int, on connection: Connection) throws -> Place {
        let (root, depth) = try connection.query(
            """
            WITH RECURSIVE above AS (
                SELECT e.id, e.parent_id, 1 AS level FROM executions e WHERE e.id = \(id)
                UNION ALL
                SELECT e.id, e.parent_id, a.level + 1 FROM above a JOIN executions e ON e.id = a.parent_id
                WHERE a.level < \(limit))
            SELECT id, level FROM above ORDER BY level DESC LIMIT 1
            """
        ).only.decode(String.self, Int.self)
        return Place(root: root, depth: depth)
    }

    /// Whether a tree may grow.
    enum Growth {
        case grown
        /// The limit is reached with these runs, for the first time.
        case reachedLimit
        /// The limit was reached before.
        case isFull
    }

    /// Counts runs that are to be started, in the open transaction. Those that an aborted transaction started are not
    /// counted.
    static func grow(_ root: String, by count: Int, limit: Int, on connection: Connection) throws -> Growth {
        let grown = try connection.query(
            """
            UPDATE executions SET descendants = least(descendants + \(count)::bigint, \(limit)::bigint + 1)
            WHERE id = \(root) AND descendants <= \(limit) RETURNING descendants
            """)
        guard let descendants = try grown.first?.decode(Int.self) else { return .isFull }
        return descendants <= limit ? .grown : .reachedLimit
    }
}
