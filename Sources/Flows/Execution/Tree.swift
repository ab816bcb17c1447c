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
    enum Room {
        case available
        /// The limit is reached with these runs, for the first time.
        case reachedLimit
        /// The limit was reached before.
        case isFull
    }

    /// Whether a tree has room for that many more runs, in the open transaction, which prevents other growth until it
    /// ends. If it has none for the first time, it is marked as full.
    static func room(
        in root: String, for count: Int, limit: Int, on connection: Connection
    ) throws -> Room {
        let found = try connection.query("SELECT descendants FROM executions WHERE id = \(root) FOR NO KEY UPDATE")
        guard let descendants = try found.first?.decode(Int.self), descendants <= limit else { return .isFull }
        if descendants + count <= limit { return .available }
        try connection.execute("UPDATE executions SET descendants = \(limit) + 1 WHERE id = \(root)")
        return .reachedLimit
    }

    /// The statement that counts runs which the same transaction queues.
    static func growing(_ root: String, by count: Int) -> SQL {
        "UPDATE executions SET descendants = descendants + \(count) WHERE id = \(root)"
    }
}
